"""Residual layers: their input is added to their output."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ResidualBlock", "ResidualLayers"]


class ResidualBlock(nn.Module):
    """Add the output of two convolutions to their input: He et al. 2016, figure 2.

    Where the width grows, the side of the picture is halved. The shortcut then takes every second
    pixel and fills the new channels with zeros (option A, section 3.3), which needs no parameters.

    Args:
        channels: channels of the input, `batch channels side side`.
        width: channels of the output, `batch width side side`, or half the side where the width
            grows.

    >>> import torch
    >>> ResidualBlock(16, 32)(torch.zeros(1, 16, 32, 32)).shape
    torch.Size([1, 32, 16, 16])
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.stride = 1 if width == channels else 2
        self.new_channels = width - channels
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=self.stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, signal: Tensor) -> Tensor:
        """Return the sum, rectified."""
        around = signal[:, :, :: self.stride, :: self.stride]
        before = self.new_channels // 2
        after = self.new_channels - before
        around = F.pad(around, (0, 0, 0, 0, before, after))  # batch width side side
        return F.relu(self.body(signal) + around)


class ResidualLayers(nn.Sequential):
    """Add the output of the layers to their input: He et al. 2016, section 3.2.

    >>> import torch
    >>> ResidualLayers(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())(torch.zeros(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    def forward(self, signal: Tensor) -> Tensor:
        """Return the sum, of the same shape as the signal."""
        made = signal
        for layer in self:
            made = layer(made)
        return signal + made
