"""The learning rate of each step: the schedule's, where no callback was left in charge of it."""

from __future__ import annotations

from cifarkit.errors import TrainingError
from cifarkit.recipes.recipe import Recipe
from cifarkit.runs.state import TrainingState

__all__ = ["set_learning_rates"]


def set_learning_rates(state: TrainingState, recipe: Recipe) -> None:
    """Set the rates where the schedule changes them; else they stay what they are.

    So under `Constant` a rate that a callback sets holds, as with torch's schedulers.

    Args:
        state: before a step.
        recipe: whose schedule to follow.

    Raises:
        TrainingError: a callback has changed a rate, and now the schedule does.
        RecipeError: the schedule returns an invalid rate.
    """
    steps, schedule = state.steps_per_epoch, recipe.schedule
    done = state.epoch * steps + state.step
    progress, last = (
        epoch + step / steps for epoch, step in (divmod(done, steps), divmod(done - 1, steps))
    )
    for group in state.optimizer.param_groups:
        own = group.setdefault("initial_lr", group["lr"])  # a group added later has none
        before = schedule.rate(last, recipe.epochs, own) if done else own
        rate = schedule.rate(progress, recipe.epochs, own)
        if rate == before:
            continue
        if group["lr"] != before:
            raise TrainingError(
                f"a callback set the learning rate to {group['lr']:.6g}, and now {schedule!r} sets "
                f"it to {rate:.6g}; train with schedule=ck.Constant(), which leaves rates to "
                "callbacks"
            )
        group["lr"] = rate
