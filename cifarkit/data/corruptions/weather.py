"""Weather: falling snow, and drops of water or mud on the lens; fog is in `lights`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cifarkit.data.corruptions.blurs import enlarged, moved, smooth
from cifarkit.data.corruptions.draws import Draws

__all__ = ["snow", "spatter"]

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Floats = np.ndarray[Any, np.dtype[np.float32]]
Booleans = np.ndarray[Any, np.dtype[np.bool_]]

GREY = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)  # how bright each channel looks
WATER = torch.tensor([175, 238, 238]).view(1, 3, 1, 1) / 255
MUD = torch.tensor([63, 42, 20]).view(1, 3, 1, 1) / 255
TAN = math.tan(math.pi / 8)  # half the angle between two directions of a gradient
FARTHEST = 20.0  # pixels
EMBOSSING = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])


def snow(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Whiten the picture, and let flakes fall through it."""
    mean, spread, size, least, radius, sigma, share = (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    )[severity - 1]
    flakes = enlarged(mean + spread * draws.normal(1, *images.shape[2:]), size)
    flakes = (255 * flakes.where(flakes >= least, 0.0).clamp(0, 1)).floor() / 255
    falling = moved(flakes, radius, sigma, draws.uniform() * 90 - 135)
    grey = (images * GREY).sum(1, keepdim=True)
    whitened = share * images + (1 - share) * torch.maximum(images, 1.5 * grey + 0.5)
    return whitened + falling + falling.rot90(2, (2, 3))


def spatter(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Put drops on the lens: of water at severities 1 to 3, of mud at 4 and 5."""
    mean, spread, size, least, amount = (
        (0.62, 0.1, 0.7, 0.7, 0.5),
        (0.65, 0.1, 0.8, 0.7, 0.5),
        (0.65, 0.3, 1, 0.69, 0.5),
        (0.65, 0.1, 0.7, 0.69, 0.6),
        (0.65, 0.1, 0.5, 0.68, 0.6),
    )[severity - 1]
    liquid = smooth(mean + spread * draws.normal(1, *images.shape[2:]), size, edge="replicate")
    if severity <= 3:
        liquid = liquid.where(liquid >= least, 0.0)
        lit = np.stack([_lit(drops) for drops in (255 * liquid[:, 0]).to(torch.uint8).numpy()])
        water = torch.from_numpy(lit)[:, None] * (255 * liquid).floor()
        return images + amount * WATER * water / water.amax((2, 3), keepdim=True).clamp(min=1e-6)
    mud = smooth((liquid > least).float(), amount, edge="replicate")
    mud = mud.where(mud >= 0.8, 0.0)
    return images * (1 - mud) + MUD * mud


def _lit(drops: Bytes) -> Floats:
    """Return how light falls on drops: embossed by how far from an edge each pixel is.

    Args:
        drops: uint8 `side side`, 0 where there is none.

    Returns:
        float32 `side side`, 0 to 255.
    """
    from scipy import ndimage

    edges = _edges(drops)
    far = ndimage.distance_transform_edt(~edges) if edges.any() else np.full(drops.shape, FARTHEST)
    far = np.minimum(far, FARTHEST).astype(np.float32)
    far = _equalised(ndimage.uniform_filter(far, 3, mode="mirror").astype(np.uint8))
    embossed = ndimage.correlate(far.astype(np.float32), EMBOSSING, mode="mirror").clip(0, 255)
    lit: Floats = ndimage.uniform_filter(embossed, 3, mode="mirror").round()
    return lit


def _edges(drops: Bytes) -> Booleans:
    """Find where brightness changes most: Canny 1986, with the thresholds 50 and 150."""
    from scipy import ndimage

    right, down = (ndimage.sobel(drops.astype(int), axis, mode="nearest") for axis in (1, 0))
    steep = abs(right) + abs(down)
    around = np.pad(steep, 1)
    rows, columns = np.indices(drops.shape) + 1
    is_level, is_upright = abs(down) < TAN * abs(right), abs(right) < TAN * abs(down)
    side = np.where(is_upright, 0, np.where(is_level | (right * down >= 0), 1, -1))
    below = np.where(is_level, 0, 1)
    before, after = around[rows - below, columns - side], around[rows + below, columns + side]
    is_ridge = (steep > before) & np.where(is_level | is_upright, steep >= after, steep > after)
    parts, _ = ndimage.label(is_ridge & (steep > 50), np.ones((3, 3)))
    edges: Booleans = np.isin(parts, np.unique(parts[is_ridge & (steep > 150)])) & (parts > 0)
    return edges


def _equalised(bytes_: Bytes) -> Bytes:
    """Spread bytes from 0 to 255, so that all are about equally frequent."""
    counts = np.bincount(bytes_.ravel(), minlength=256)
    first = counts[counts > 0][0]
    if first == bytes_.size:
        return bytes_
    ranks = (counts.cumsum() - first).clip(0) * (255 / (bytes_.size - first))
    equalised: Bytes = ranks.round().astype(np.uint8)[bytes_]
    return equalised
