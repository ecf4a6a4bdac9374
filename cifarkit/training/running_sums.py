"""What an epoch adds up to, and whether it is still a number."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from cifarkit.errors import NonFiniteLossError
from cifarkit.models.state import restore_state
from cifarkit.training.history import Record
from cifarkit.training.processes import Processes
from cifarkit.training.run import Moment

__all__ = ["RunningSums", "count_hits"]


def count_hits(logits: Tensor, targets: Tensor) -> Tensor:
    """Count the images that got their own label, or the one of the largest share.

    >>> count_hits(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1]))
    tensor(1)
    """
    labels = targets if targets.ndim == 1 else targets.argmax(1)
    return (logits.argmax(1) == labels).sum()


class RunningSums:
    """Sums over images, divided by counts of images: never means of means of batches.

    On the CPU every loss is looked at before its step. An accelerator would have to be waited
    for, so there the losses stay where they are until the epoch ends, as weights do everywhere:
    a gradient may be NaN where the loss is not. A loss that is found late, or a weight that is no
    number, takes the weights back to the beginning of the epoch.

    Args:
        model: whose weights to take back.
        device: where it is trained.
    """

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self.model = model
        self.device = device
        self.looks_at_once = device.type == "cpu"
        self.losses: list[Tensor] = []
        self.hits: list[Tensor] = []
        self.counts: list[int] = []
        self.rates: list[float] = []  # of the steps made here, which may be the last of these
        self.weights_before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def look(self, now: Moment, loss: Tensor) -> None:
        """Look at a loss before its step, where that can be done at once.

        Raises:
            NonFiniteLossError: the loss is no number; the weights have not made this step.
        """
        if self.looks_at_once:
            rate = now.optimizer.param_groups[0]["lr"]
            self._check_losses(now, [loss.item()], [rate], first=now.step)

    def add(self, now: Moment, loss: Tensor, hits: Tensor, count: int) -> None:
        """Count one batch in: its mean loss, and how many of its images got their own label."""
        self.losses.append(loss)
        self.rates.append(now.optimizer.param_groups[0]["lr"])
        self.hits.append(hits)
        self.counts.append(count)

    def means(self, now: Moment) -> Record:
        """Return loss and accuracy over the images so far, of all processes.

        Raises:
            NonFiniteLossError: a loss or a weight is no number; the weights are those of the
                epoch's start.
        """
        self.check(now)
        losses = torch.stack(self.losses).cpu().double()
        counts = torch.tensor(self.counts)
        sums = torch.stack(
            [losses @ counts.double(), torch.stack(self.hits).sum().cpu(), counts.sum()]
        )
        loss, hits, images = now.processes.sum(sums).tolist()
        return {"train_loss": loss / images, "train_accuracy": hits / images}

    def check(self, now: Moment) -> None:
        """Look at the losses that were not looked at yet, and at the weights.

        Raises:
            NonFiniteLossError: one is no number; the weights are those from before this epoch.
        """
        if not self.looks_at_once:
            losses = torch.stack(self.losses).cpu().tolist()
            self._check_losses(now, losses, self.rates, first=0)
        if (name := self._broken_weight()) is not None:
            self._refuse(
                now,
                f"the weight {name!r} is NaN or infinite after epoch {now.epoch + 1}, step "
                f"{now.step + 1} of {now.steps_per_epoch}, though the loss was not: a gradient was",
                self.rates[-1] if self.rates else now.optimizer.param_groups[0]["lr"],
                before=len(self.losses),
            )

    def state_dict(self, processes: Processes) -> dict[str, Any]:
        """Return the sums so far, over all processes, each of which has to ask."""
        losses, hits = torch.stack(self.losses), torch.stack(self.hits)
        counts = torch.tensor(self.counts)
        if processes.count > 1:
            shares = torch.stack([losses.cpu().double() * counts, hits.cpu(), counts])
            summed, hits, counts = processes.sum(shares)
            losses, hits, counts = (summed / counts).to(losses), hits.long(), counts.long()
        return {"losses": losses, "hits": hits, "counts": counts.tolist()}

    def load_state_dict(self, state: dict[str, Any], processes: Processes) -> None:
        """Take up what `state_dict` returned: its images count once, in the first process."""
        is_first = int(processes.rank == 0)
        self.losses = list(state["losses"].to(self.device).unbind())
        self.hits = list((state["hits"] * is_first).to(self.device).unbind())
        self.counts = [count * is_first for count in state["counts"]]

    def _check_losses(
        self, now: Moment, losses: list[float], rates: list[float], first: int
    ) -> None:
        """Refuse a loss that is no number; `first` is the step of the first of these."""
        wrong = [place for place, loss in enumerate(losses) if not math.isfinite(loss)]
        if wrong:
            step = first + wrong[0]
            self._refuse(
                now,
                f"the loss became {losses[wrong[0]]} in epoch {now.epoch + 1}, step {step + 1} of "
                f"{now.steps_per_epoch}",
                rates[wrong[0] - len(losses)],  # from the end: the first were looked at long ago
                before=step,
            )

    def _broken_weight(self) -> str | None:
        weights = self.model.named_parameters()
        return next((name for name, weight in weights if not weight.isfinite().all()), None)

    def _refuse(self, now: Moment, what: str, rate: float, before: int) -> NoReturn:
        """Leave weights that are numbers, and say what was none; `before` counts losses."""
        since = "before this step"
        if not self.looks_at_once or self._broken_weight() is not None:
            since = "with which the epoch began here"
            restore_state(self.model, self.weights_before)
            now.average.restart()  # it has seen the steps that are taken back
        elif now.average.has_begun:
            since = f"{since}, their running average"
        last = [loss.item() for loss in self.losses[max(before - 5, 0) : before]]
        losses = ", ".join(f"{loss:.4g}" for loss in last) or "none"
        raise NonFiniteLossError(
            f"{what}, at learning rate {rate:g} (losses before: {losses}). "
            f"The weights are those {since}. Try a lower learning rate, a warm-up, or "
            "ck.GradientClip(1.0); if it is the first step, look for NaN in the network"
        )
