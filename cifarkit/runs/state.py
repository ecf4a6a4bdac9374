"""The state of a training, which callbacks see as `run.state`."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from cifarkit.data.batches import Batch
from cifarkit.data.splits import Splits

__all__ = ["TrainingState"]


@dataclass(eq=False, repr=False, slots=True)
class TrainingState:
    """The state of a training, while it runs.

    Attributes:
        splits: the three image sets, on the device.
        optimizer: torch's optimiser.
        steps_per_epoch: batches an epoch.
        epoch: counted from 0.
        step: the step within the epoch, counted from 0.
        batch: the next batch of the network; `on_batch_start` may replace it.
        loss: mean loss of the last batch, by the recipe's loss; a tensor on the device,
            without a graph; None before the first.
    """

    splits: Splits
    optimizer: torch.optim.Optimizer
    steps_per_epoch: int
    epoch: int = 0
    step: int = 0
    batch: Batch = field(init=False)
    loss: Tensor | None = None
