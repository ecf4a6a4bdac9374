"""What an epoch adds up to, and whether it is still finite."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import torch
from torch import Tensor

from cifarkit.errors import NonFiniteLossError
from cifarkit.models.state import restore_state
from cifarkit.runs.history import Record
from cifarkit.runs.run import Run
from cifarkit.training.engine.distributed import DistributedContext
from cifarkit.training.learning_rate import main_rate
from cifarkit.training.weight_average import WeightAverage

__all__ = ["EpochMetrics"]


class EpochMetrics:
    """Sums over images, divided by counts of images: never means of means of batches.

    On the CPU every loss is looked at before its step. An accelerator would have to be waited
    for, so there the losses stay where they are until the epoch ends, as weights do everywhere:
    a gradient may be NaN where the loss is not. A loss that is found late, or a weight that is no
    number, takes the weights back to the beginning of the epoch.

    Args:
        run: whose weights to take back.
        device: where it is trained.
        average: of the weights, which begins anew when they are taken back.
    """

    def __init__(self, run: Run, device: torch.device, average: WeightAverage) -> None:
        self.run, self.model, self.average = run, run.model, average
        self.device = device
        self.checks_at_once = device.type == "cpu"
        self.losses: list[Tensor] = []
        self.correct: list[Tensor] = []
        self.counts: list[int] = []
        self.rates: list[float] = []  # of the steps made here, which may be the last of these
        self.weights_before = {
            name: tensor.clone() for name, tensor in self.model.state_dict().items()
        }

    def check_finite(self, loss: Tensor) -> None:
        """Look at a loss before its step, where that can be done at once.

        Raises:
            NonFiniteLossError: the loss is not a number; the weights have not made this step.
        """
        if self.checks_at_once:
            self._check_losses([loss.item()], [self._rate()], first=self.run.state.step)

    def add(self, loss: Tensor, correct: Tensor, count: int) -> None:
        """Count one batch in: its mean loss, and how many of its images got their own label."""
        self.losses.append(loss)
        self.rates.append(self._rate())
        self.correct.append(correct)
        self.counts.append(count)

    def means(self, distributed: DistributedContext) -> Record:
        """Return loss and accuracy over the images so far, of all processes.

        Raises:
            NonFiniteLossError: a loss or a weight is not a number; the weights are those of the
                epoch's start.
        """
        self.check()
        losses = torch.stack(self.losses).cpu().double()
        counts = torch.tensor(self.counts)
        sums = torch.stack(
            [losses @ counts.double(), torch.stack(self.correct).sum().cpu(), counts.sum()]
        )
        loss, correct, images = distributed.sum(sums).tolist()
        return {"train_loss": loss / images, "train_accuracy": correct / images}

    def check(self) -> None:
        """Look at the losses that were not looked at yet, and at the weights.

        Raises:
            NonFiniteLossError: one is not a number; the weights are those from before this epoch.
        """
        if not self.checks_at_once:
            losses = torch.stack(self.losses).cpu().tolist()
            self._check_losses(losses, self.rates, first=0)
        if (name := self._broken_weight()) is not None:
            state = self.run.state
            self._refuse(
                f"the weight {name!r} is NaN or infinite after epoch {state.epoch + 1}, step "
                f"{state.step + 1} of {state.steps_per_epoch}, though the loss was not: a gradient "
                "was",
                self.rates[-1] if self.rates else self._rate(),
                before=len(self.losses),
            )

    def state_dict(self, distributed: DistributedContext) -> dict[str, Any]:
        """Return the sums so far, over all processes, each of which has to ask."""
        losses, correct = torch.stack(self.losses), torch.stack(self.correct)
        counts = torch.tensor(self.counts)
        if distributed.count > 1:
            shares = torch.stack([losses.cpu().double() * counts, correct.cpu(), counts])
            summed, correct, counts = distributed.sum(shares)
            losses, correct, counts = (summed / counts).to(losses), correct.long(), counts.long()
        return {"losses": losses, "hits": correct, "counts": counts.tolist()}

    def load_state_dict(self, state: dict[str, Any], distributed: DistributedContext) -> None:
        """Take up what `state_dict` returned: its images count once, in the first process."""
        is_first = int(distributed.rank == 0)
        self.losses = list(state["losses"].to(self.device).unbind())
        self.correct = list((state["hits"] * is_first).to(self.device).unbind())
        self.counts = [count * is_first for count in state["counts"]]

    def _rate(self) -> float:
        return main_rate(self.run.state.optimizer)

    def _check_losses(self, losses: list[float], rates: list[float], first: int) -> None:
        """Refuse a loss that is not a number; `first` is the step of the first of these."""
        wrong = [index for index, loss in enumerate(losses) if not math.isfinite(loss)]
        if wrong:
            state, step = self.run.state, first + wrong[0]
            self._refuse(
                f"the loss became {losses[wrong[0]]} in epoch {state.epoch + 1}, step {step + 1} "
                f"of {state.steps_per_epoch}",
                rates[wrong[0] - len(losses)],  # from the end: the first were looked at long ago
                before=step,
            )

    def _broken_weight(self) -> str | None:
        weights = self.model.named_parameters()
        return next((name for name, weight in weights if not weight.isfinite().all()), None)

    def _refuse(self, what: str, rate: float, before: int) -> NoReturn:
        """Leave weights that are numbers, and say what was none; `before` counts losses."""
        since = "before this step"
        if not self.checks_at_once or self._broken_weight() is not None:
            since = "with which the epoch began here"
            restore_state(self.model, self.weights_before)
            self.average.restart()  # it has seen the steps that are taken back
        elif self.average.has_begun:
            since = f"{since}, their running average"
        last = [loss.item() for loss in self.losses[max(before - 5, 0) : before]]
        losses = ", ".join(f"{loss:.4g}" for loss in last) or "none"
        raise NonFiniteLossError(
            f"{what}, at learning rate {rate:g} (losses before: {losses}). "
            f"The weights are those {since}. Try a lower learning rate, a warm-up, or "
            "ck.GradientClip(1.0); if it is the first step, look for NaN in the network"
        )
