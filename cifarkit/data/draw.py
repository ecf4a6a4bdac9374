"""Chance for one batch: a generator that also knows which pictures it is for."""

from __future__ import annotations

import torch
from torch import Tensor

from cifarkit.randomness import seed_for

__all__ = ["Draw"]


class Draw(torch.Generator):
    """The generator that augmentations are given, keyed by seed, epoch and step.

    Args:
        run_seed: the seed of the run.
        epoch: counted from 0.
        epochs: how many training has in all.
        step: within the epoch, counted from 0.
        places: int64 `batch`, on the CPU: where the pictures stand in the training set.
        total: how many pictures the training set has.

    >>> draw = Draw(0, epoch=2, epochs=3, step=0, places=torch.tensor([4, 1]), total=5)
    >>> draw.epoch, draw.places.tolist()
    (2, [4, 1])
    >>> torch.rand(1, generator=draw).shape
    torch.Size([1])
    """

    def __new__(cls, *_: object, **__: object) -> Draw:  # torch's own takes a device alone
        """Make a CPU generator."""
        return super().__new__(cls)

    def __init__(
        self, run_seed: int, *, epoch: int, epochs: int, step: int, places: Tensor, total: int
    ) -> None:
        self.manual_seed(seed_for("augment", run_seed, epoch, step))
        self.run_seed = run_seed
        self.epoch = epoch
        self.epochs = epochs
        self.places = places
        self.total = total
