"""Random numbers for pictures, each picture's from a generator of its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

__all__ = ["Draws"]


class Draws:
    """Draws for several pictures at once; a picture's do not depend on the others.

    Args:
        generators: one for each picture, on the CPU.

    >>> both = Draws([torch.Generator().manual_seed(seed) for seed in (3, 4)]).normal(2)
    >>> second = Draws([torch.Generator().manual_seed(4)]).normal(2)
    >>> torch.equal(both[1:], second)
    True
    """

    def __init__(self, generators: Sequence[Generator]) -> None:
        self._generators = generators

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self._generators)

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal numbers, float32 `n` and the shape."""
        return torch.stack([torch.randn(shape, generator=each) for each in self._generators])

    def uniform(self, *shape: int) -> Tensor:
        """Return numbers from 0 to 1, float32 `n` and the shape."""
        return torch.stack([torch.rand(shape, generator=each) for each in self._generators])

    def poisson(self, rates: Tensor) -> Tensor:
        """Return Poisson numbers with these rates, float32 `n …`."""
        pairs = zip(rates, self._generators, strict=True)
        return torch.stack([torch.poisson(rate, generator=each) for rate, each in pairs])
