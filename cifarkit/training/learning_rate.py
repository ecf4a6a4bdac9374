"""Set the learning rate of each step by the schedule, unless callbacks set it."""

from __future__ import annotations

from typing import Any

import torch

from cifarkit.errors import TrainingError
from cifarkit.runs.run import Run

__all__ = ["main_rate", "set_learning_rates", "unscaled"]


def set_learning_rates(run: Run) -> None:
    """Set the rates if the schedule changes them; else leave them as they are.

    So with `Constant` a rate that a callback sets stays, as with torch's schedulers.

    Args:
        run: the run, before a step.

    Raises:
        TrainingError: a callback has changed a rate, and now the schedule changes it too.
        RecipeError: the schedule returns an invalid rate.
    """
    state, schedule = run.state, run.recipe.schedule
    steps = state.steps_per_epoch
    done = state.epoch * steps + state.step
    for group in state.optimizer.param_groups:
        own = group.setdefault("initial_lr", group["lr"])  # a group added later has no `initial_lr`
        scale, lr = group.get("lr_scale", 1.0), unscaled(group)
        before = scale * _rate(run, done - 1, lr) if done else own
        rate = scale * _rate(run, done, lr)
        if rate == before:
            continue
        if group["lr"] != before:
            raise TrainingError(
                f"a callback set the learning rate to {group['lr']:.6g}, and now {schedule!r} sets "
                f"it to {rate:.6g}; train with schedule=ck.Constant(), which leaves rates to "
                "callbacks"
            )
        group["lr"] = rate


def main_rate(optimizer: torch.optim.Optimizer) -> float:
    """Return the rate for weights that no group of the recipe scales, even if all are scaled.

    >>> weights = [torch.nn.Parameter(torch.zeros(1))]
    >>> main_rate(torch.optim.SGD([{"params": weights, "lr": 0.25, "lr_scale": 0.5}]))
    0.5
    """
    first = optimizer.param_groups[0]  # unscaled, if any is
    return float(first["lr"]) / float(first.get("lr_scale", 1.0))


def unscaled(group: dict[str, Any]) -> float:
    """Return the rate that a group of the optimiser began with, before it was scaled."""
    return float(group.get("unscaled_lr", group["initial_lr"]))


def _rate(run: Run, step: int, lr: float) -> float:
    """Return the schedule's rate at one step of the whole run."""
    schedule, (epoch, within) = run.recipe.schedule, divmod(step, run.state.steps_per_epoch)
    losses = [record["val_loss"] for record in run.history[:epoch]] if schedule.needs_val else []
    progress = epoch + within / run.state.steps_per_epoch
    return schedule.rate(progress, run.recipe.epochs, lr, losses)
