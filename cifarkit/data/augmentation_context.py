"""The random generator of one batch, which also knows the epoch and the pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from cifarkit.randomness import seed_for
from cifarkit.renamed import RenamedAttribute

__all__ = ["AugmentationContext"]


class AugmentationContext(torch.Generator):
    """The generator that augmentations are given, keyed by seed, epoch and step.

    Args:
        run_seed: the seed of the run.
        epoch: counted from 0.
        epochs: how many epochs the training has in all.
        step: within the epoch, counted from 0.
        indices: int64 `batch`, on the CPU: the indices of the pictures in the training set.
        total: how many pictures the training set has.

    >>> indices = torch.tensor([4, 1])
    >>> context = AugmentationContext(0, epoch=2, epochs=3, step=0, indices=indices, total=5)
    >>> context.epoch, context.indices.tolist()
    (2, [4, 1])
    >>> torch.rand(1, generator=context).shape
    torch.Size([1])
    """

    places = RenamedAttribute("indices")

    def __new__(cls, *_: object, **__: object) -> AugmentationContext:
        """Make a CPU generator; torch's own constructor takes only a device."""
        return super().__new__(cls)

    def __init__(
        self, run_seed: int, *, epoch: int, epochs: int, step: int, indices: Tensor, total: int
    ) -> None:
        self.manual_seed(seed_for("augment", run_seed, epoch, step))
        self.run_seed = run_seed
        self.epoch = epoch
        self.epochs = epochs
        self.indices = indices
        self.total = total
