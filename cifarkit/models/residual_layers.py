"""Layers around which the signal also passes unchanged."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["ResidualLayers"]


class ResidualLayers(nn.Sequential):
    """Add what the layers make of the signal to the signal: He et al. 2016, section 3.2.

    >>> import torch
    >>> ResidualLayers(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())(torch.zeros(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    def forward(self, signal: Tensor) -> Tensor:
        """Return the sum, of the signal's own shape."""
        made = signal
        for layer in self:
            made = layer(made)
        return signal + made
