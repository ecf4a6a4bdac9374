"""Dropout that needs fewer random numbers on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Dropout"]

GRID = 2**16  # a unit's chance is a multiple of 1 / GRID


class Dropout(nn.Dropout):
    """Leave out a share of the units, as `torch.nn.Dropout` does: Srivastava et al. 2014.

    On the CPU torch draws one number after the other, one for each unit, which takes much of a
    small network's step. Here each 64-bit number serves four units, 16 bits each. On other devices,
    which draw in parallel, it computes as torch's layer does; so it does with `inplace=True` and
    under `torch.compile`. `torch.jit.trace` and `torch.func.vmap` cannot follow it; use
    `torch.nn.Dropout` there.

    The arguments are torch's: `p`, the share in [0, 1], and `inplace`.

    >>> layer = Dropout(0.25)
    >>> layer(torch.ones(1000)).unique()
    tensor([0.0000, 1.3333])
    >>> layer.eval()(torch.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with some units set to 0, and the others scaled to keep the mean."""
        is_ours = self.training and 0 < self.p < 1 and not self.inplace
        if not is_ours or input.device.type != "cpu" or torch.compiler.is_compiling():
            return super().forward(input)
        units = input.numel()
        numbers = torch.empty(-(-units // 4), dtype=torch.int64, device="cpu")
        numbers.random_(-(2**63), None)
        chance = numbers.view(torch.int16)[:units]  # from -GRID / 2 to GRID / 2 - 1
        kept = chance >= min(round(self.p * GRID), GRID - 1) - GRID // 2
        kept = kept.to(input.dtype).mul_(1 / (1 - self.p))
        # In memory order, for any order of the dimensions.
        mask = torch.empty_like(input)
        return input * kept.as_strided(mask.shape, mask.stride())
