"""Turn, shear and shift whole batches of pictures, each by its own amount.

All take and return float32 `batch 3 side side` and amounts `batch` on the same device. Values
between pixels are interpolated bilinearly, and pixels outside are mirrored at the border, as in
`Crop`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "rotate",
    "sample",
    "shear_x",
    "shear_y",
    "steps_from_middle",
    "translate_x",
    "translate_y",
]


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Turn about the middle, counter-clockwise.

    >>> turned = rotate(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), torch.tensor([90.0]))
    >>> turned.round()
    tensor([[[[2., 4.],
              [1., 3.]]]])
    """
    angle = degrees * (math.pi / 180)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return _warp(images, (cos, -sin, zero), (sin, cos, zero))


def shear_x(images: Tensor, slope: Tensor) -> Tensor:
    """Shift each row left by the slope times its distance from the upper border."""
    zero = torch.zeros_like(slope)
    return _warp(images, (zero + 1, slope, slope * images.shape[-1] / 2), (zero, zero + 1, zero))


def shear_y(images: Tensor, slope: Tensor) -> Tensor:
    """Shift each column up by the slope times its distance from the left border."""
    return shear_x(images.mT, slope).mT


def translate_x(images: Tensor, pixels: Tensor) -> Tensor:
    """Shift right by some pixels.

    >>> translate_x(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), torch.tensor([1.0]))
    tensor([[[[2., 1.],
              [4., 3.]]]])
    """
    zero = torch.zeros_like(pixels)
    return _warp(images, (zero + 1, zero, -pixels), (zero, zero + 1, zero))


def translate_y(images: Tensor, pixels: Tensor) -> Tensor:
    """Shift down by some pixels."""
    return translate_x(images.mT, pixels).mT


def steps_from_middle(images: Tensor) -> Tensor:
    """Return how far each column, or row, is from the middle of the picture, in pixels.

    >>> steps_from_middle(torch.zeros(1, 3, 4, 4))
    tensor([-1.5000, -0.5000,  0.5000,  1.5000])
    """
    side = images.shape[-1]
    return torch.arange(side, device=images.device) - (side - 1) / 2


def sample(images: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Fetch pixels from positions in the pictures, also between pixels and outside.

    Args:
        images: float32 `batch channels side side`.
        x: the columns to fetch from, `batch side side`, in pixels from the middle.
        y: the rows.

    Returns:
        float32 `batch channels side side`.
    """
    grid = torch.stack([x, y], -1) / ((images.shape[-1] - 1) / 2)  # torch counts from -1 to 1
    return F.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=True
    )


Row = tuple[Tensor, Tensor, Tensor]


def _warp(images: Tensor, x: Row, y: Row) -> Tensor:
    """Fetch each pixel from a position that is a linear function of its own.

    Args:
        images: float32 `batch 3 side side`.
        x: the factors of column and row, and a shift in pixels, that give the column to fetch
            from; each `batch`. Columns and rows count from the middle of the picture.
        y: the same for the row.
    """
    steps = steps_from_middle(images)

    def source(row: Row) -> Tensor:
        across, down, shift = (each[:, None, None] for each in row)
        return across * steps + down * steps[:, None] + shift  # batch side side

    return sample(images, source(x), source(y))
