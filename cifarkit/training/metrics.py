"""The numbers of an epoch, and the check that they are finite."""

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
    """Means over images, not means of the means of batches.

    On the CPU every loss is checked before its step. On an accelerator this would wait for the
    device, so there the losses are checked when the epoch ends. Weights are always checked then,
    because a gradient may be NaN even if the loss is not. If a loss found late or a weight is not
    finite, the weights from the beginning of the epoch are restored.

    Args:
        run: the run whose weights are restored.
        device: the device it is trained on.
        average: the average of the weights, which is reset when they are restored.
    """

    def __init__(self, run: Run, device: torch.device, average: WeightAverage) -> None:
        self.run, self.model, self.average = run, run.model, average
        self.device = device
        self.checks_at_once = device.type == "cpu"
        self.losses: list[Tensor] = []
        self.correct: list[Tensor] = []
        self.counts: list[int] = []
        self.rates: list[float] = []  # of the steps since the start, or since a resume
        self.weights_before = {
            name: tensor.clone() for name, tensor in self.model.state_dict().items()
        }

    def check_finite(self, loss: Tensor) -> None:
        """Check a loss before its step, if that needs no waiting.

        Raises:
            NonFiniteLossError: the loss is not a number; the weights have not made this step.
        """
        if self.checks_at_once:
            self._check_losses([loss.item()], [self._rate()], first=self.run.state.step)

    def add(self, loss: Tensor, correct: Tensor, count: int) -> None:
        """Add a batch: its mean loss, and how many of its images are classified correctly."""
        self.losses.append(loss)
        self.rates.append(self._rate())
        self.correct.append(correct)
        self.counts.append(count)

    def means(self, distributed: DistributedContext) -> Record:
        """Return loss and accuracy over the images of all processes so far.

        Raises:
            NonFiniteLossError: a loss or a weight is not finite; the weights are the ones from the
                start of the epoch.
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
        """Check the losses that were not checked yet, and the weights.

        Raises:
            NonFiniteLossError: one is not finite; the weights are the ones from before this epoch.
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
        """Return the numbers so far, over all processes; each process must call this."""
        losses, correct = torch.stack(self.losses), torch.stack(self.correct)
        counts = torch.tensor(self.counts)
        if distributed.count > 1:
            shares = torch.stack([losses.cpu().double() * counts, correct.cpu(), counts])
            summed, correct, counts = distributed.sum(shares)
            losses, correct, counts = (summed / counts).to(losses), correct.long(), counts.long()
        return {"losses": losses, "hits": correct, "counts": counts.tolist()}

    def load_state_dict(self, state: dict[str, Any], distributed: DistributedContext) -> None:
        """Restore what `state_dict` returned; its images count once, in the first process."""
        is_first = int(distributed.rank == 0)
        self.losses = list(state["losses"].to(self.device).unbind())
        self.correct = list((state["hits"] * is_first).to(self.device).unbind())
        self.counts = [count * is_first for count in state["counts"]]

    def _rate(self) -> float:
        return main_rate(self.run.state.optimizer)

    def _check_losses(self, losses: list[float], rates: list[float], first: int) -> None:
        """Refuse a loss that is not finite; `first` is the step of the first of the losses."""
        wrong = [index for index, loss in enumerate(losses) if not math.isfinite(loss)]
        if wrong:
            state, step = self.run.state, first + wrong[0]
            self._refuse(
                f"the loss became {losses[wrong[0]]} in epoch {state.epoch + 1}, step {step + 1} "
                f"of {state.steps_per_epoch}",
                rates[wrong[0] - len(losses)],  # from the end: older rates are missing
                before=step,
            )

    def _broken_weight(self) -> str | None:
        weights = self.model.named_parameters()
        return next((name for name, weight in weights if not weight.isfinite().all()), None)

    def _refuse(self, what: str, rate: float, before: int) -> NoReturn:
        """Restore finite weights, and raise the error; `before` is how many losses came before."""
        since = "before this step"
        if not self.checks_at_once or self._broken_weight() is not None:
            since = "with which the epoch began here"
            restore_state(self.model, self.weights_before)
            self.average.restart()  # it includes the steps that are undone
        elif self.average.has_begun:
            since = f"{since}, their running average"
        last = [loss.item() for loss in self.losses[max(before - 5, 0) : before]]
        losses = ", ".join(f"{loss:.4g}" for loss in last) or "none"
        raise NonFiniteLossError(
            f"{what}, at learning rate {rate:g} (losses before: {losses}). "
            f"The weights are those {since}. Try a lower learning rate, a warm-up, or "
            "clip_norm=1.0; if it is the first step, look for NaN in the network"
        )
