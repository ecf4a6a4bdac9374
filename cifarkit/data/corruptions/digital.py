"""What software does to a picture: it bends, coarsens or compresses it."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cifarkit.data.corruptions.blurs import smooth
from cifarkit.data.corruptions.draws import Draws
from cifarkit.data.warping import sample, steps_from_middle

__all__ = ["elastic_transform", "jpeg_compression", "pixelate"]


def elastic_transform(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Tilt and stretch the picture, then bend it here and there."""
    amount, smoothness, tilt = (
        (0, 0, 0.08),
        (0.05, 0.2, 0.07),
        (0.08, 0.06, 0.06),
        (0.1, 0.04, 0.05),
        (0.1, 0.03, 0.03),
    )[severity - 1]  # shares of the side
    side, steps = images.shape[-1], steps_from_middle(images)
    tilted = _tilted(images, side * tilt * (2 * draws.uniform(3, 2) - 1))
    moves = smooth(
        2 * draws.uniform(2, side, side) - 1, side * smoothness, edge="symmetric", widths=3
    )
    right, down = (side * amount * moves).unbind(1)
    return sample(tilted, steps + right, steps[:, None] + down)


def pixelate(images: Tensor, severity: int, _: Draws) -> Tensor:
    """Make the picture smaller and larger again, so that pixels become coarse."""
    side = int(images.shape[-1] * (0.95, 0.9, 0.85, 0.75, 0.65)[severity - 1])
    box = Image.Resampling.BOX

    def coarsened(picture: Image.Image) -> Image.Image:
        return picture.resize((side, side), box).resize(picture.size, box)

    return _one_by_one(images, coarsened)


def jpeg_compression(images: Tensor, severity: int, _: Draws) -> Tensor:
    """Compress the picture as JPEG of low quality."""
    quality = (80, 65, 58, 50, 40)[severity - 1]

    def compressed(picture: Image.Image) -> Image.Image:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return _one_by_one(images, compressed)


def _tilted(images: Tensor, moves: Tensor) -> Tensor:
    """Move three corners of a square, and the picture with them.

    Args:
        images: `n 3 side side`.
        moves: of the three corners, `n 3 2`, in pixels.
    """
    reach = images.shape[-1] // 3
    corners = torch.tensor([[reach, reach], [reach, -reach], [-reach, -reach]]).double()
    moved = torch.cat([corners + moves, torch.ones(len(images), 3, 1)], 2)
    matrix = torch.linalg.solve(moved, corners.expand(len(images), 3, 2)).float()  # n 3 2
    steps = steps_from_middle(images)
    x, y = (
        matrix[:, 0, axis, None, None] * steps
        + matrix[:, 1, axis, None, None] * steps[:, None]
        + matrix[:, 2, axis, None, None]
        for axis in (0, 1)
    )
    return sample(images, x, y)


def _one_by_one(images: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    """Change each picture as Pillow's."""
    rows = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    changed = np.stack([np.asarray(change(Image.fromarray(row))) for row in rows])
    return torch.from_numpy(changed).permute(0, 3, 1, 2) / 255
