"""What an epoch adds up to, and whether it is still a number."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from cifarkit.errors import NonFiniteLossError
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
    for, so there the losses stay where they are until the epoch ends; one that is no number then
    takes the weights back to the beginning of the epoch.

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
        self.weights_before = (
            {}
            if self.looks_at_once
            else {name: tensor.clone() for name, tensor in model.state_dict().items()}
        )

    def look(self, now: Moment, loss: Tensor) -> None:
        """Look at a loss before its step, where that can be done at once.

        Raises:
            NonFiniteLossError: the loss is no number; the weights have not made this step.
        """
        if self.looks_at_once:
            rate = now.optimizer.param_groups[0]["lr"]
            self._check(now, [loss.item()], [rate], first=now.step)

    def add(self, now: Moment, loss: Tensor, hits: Tensor, count: int) -> None:
        """Count one batch in: its mean loss, and how many of its images got their own label."""
        self.losses.append(loss)
        self.rates.append(now.optimizer.param_groups[0]["lr"])
        self.hits.append(hits)
        self.counts.append(count)

    def means(self, now: Moment) -> Record:
        """Return loss and accuracy over the images so far, of all processes.

        Raises:
            NonFiniteLossError: a loss was no number; the weights are those of the epoch's start.
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
        """Look at the losses that were not looked at yet, as before they are relied on.

        Raises:
            NonFiniteLossError: one was no number; the weights are those from before this epoch.
        """
        if not self.looks_at_once:
            self._check(now, torch.stack(self.losses).cpu().tolist(), self.rates, first=0)

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

    def _check(self, now: Moment, losses: list[float], rates: list[float], first: int) -> None:
        """Refuse a loss that is no number; `first` is the step of the first of these."""
        wrong = [place for place, loss in enumerate(losses) if not math.isfinite(loss)]
        if not wrong:
            return
        step = first + wrong[0]
        rate = rates[wrong[0] - len(losses)]  # from the end: the first were looked at long ago
        since = "before this step"
        if not self.looks_at_once:
            since = "with which the epoch began here"
            self.model.load_state_dict(self.weights_before)
            now.average.restart()  # it has seen the steps that are taken back
        elif now.average.has_begun:
            since = f"{since}, their running average"
        last = [loss.item() for loss in self.losses[max(step - 5, 0) : step]]
        before = ", ".join(f"{loss:.4g}" for loss in last) or "none"
        raise NonFiniteLossError(
            f"the loss became {losses[wrong[0]]} in epoch {now.epoch + 1}, step {step + 1} of "
            f"{now.steps_per_epoch}, at learning rate {rate:g} (losses before: {before}). "
            f"The weights are those {since}. Try a lower learning rate, a warm-up, or "
            "ck.GradientClip(1.0); if it is the first step, look for NaN in the network"
        )
