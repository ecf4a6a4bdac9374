"""What an epoch adds up to."""

from __future__ import annotations

import math
from collections import deque

import torch
from torch import Tensor

from cifarkit.errors import NonFiniteLossError
from cifarkit.training.history import Record
from cifarkit.training.run import Moment

__all__ = ["RunningSums"]


class RunningSums:
    """Sums over images, divided by counts of images: never means of means of batches."""

    def __init__(self, device: torch.device) -> None:
        exact = torch.float32 if device.type == "mps" else torch.float64  # MPS has no float64
        self.loss = torch.zeros((), dtype=exact, device=device)
        self.hits = torch.zeros((), dtype=torch.int64, device=device)
        self.images = 0
        self.last_losses: deque[float] = deque(maxlen=5)

    def add(self, now: Moment, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """Count one batch in.

        Raises:
            NonFiniteLossError: the loss is no number; the weights have not made this step.
        """
        value = loss.item()
        if not math.isfinite(value):
            raise NonFiniteLossError(self._explain(now, value))
        self.last_losses.append(value)
        labels = targets if targets.ndim == 1 else targets.argmax(1)
        self.loss += loss.detach() * len(logits)
        self.hits += (logits.argmax(1) == labels).sum()
        self.images += len(logits)

    def means(self) -> Record:
        """Return loss and accuracy over the images so far."""
        return {
            "train_loss": self.loss.item() / self.images,
            "train_accuracy": self.hits.item() / self.images,
        }

    def _explain(self, now: Moment, value: float) -> str:
        before = ", ".join(f"{loss:.4g}" for loss in self.last_losses) or "none"
        rate = now.optimizer.param_groups[0]["lr"]
        return (
            f"the loss became {value} in epoch {now.epoch + 1}, step {now.step + 1} of "
            f"{now.steps_per_epoch}, at learning rate {rate:g} (losses before: {before}). "
            "The weights are those before this step. Try a lower learning rate, a warm-up, or "
            "ck.GradientClip(1.0); if it is the first step, look for NaN in the network"
        )
