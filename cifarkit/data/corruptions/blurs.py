"""Blur: out of focus, in motion, while zooming, through frosted glass."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cifarkit.data.corruptions.draws import Draws

__all__ = [
    "defocus_blur",
    "enlarged",
    "gaussian_blur",
    "glass_blur",
    "motion_blur",
    "moved",
    "smooth",
    "zoom_blur",
]


def gaussian_blur(images: Tensor, severity: int, _: Draws) -> Tensor:
    """Blur by a Gaussian bell."""
    return smooth(images, (0.4, 0.6, 0.7, 0.8, 1.0)[severity - 1], edge="replicate")


def defocus_blur(images: Tensor, severity: int, _: Draws) -> Tensor:
    """Blur by a disk with soft edges, as a lens out of focus does."""
    radius, softness = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1))[severity - 1]
    steps = torch.arange(-3.0, 4.0)
    disk = (steps**2 + steps[:, None] ** 2 <= radius**2).float()
    soft = _bell(softness, reach=1)
    softener = (soft[:, None] * soft)[None, None]
    kernel = F.conv2d((disk / disk.sum())[None, None], softener, padding=1).expand(3, 1, 7, 7)
    return F.conv2d(F.pad(images, (3,) * 4, mode="reflect"), kernel, groups=3)


def glass_blur(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Blur, move pixels about, and blur again, as frosted glass does.

    The published code means to swap neighbours. It writes both into one pixel, and so each pixel
    gets the value of one to its upper left, or keeps its own.
    """
    sigma, times = ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))[severity - 1]
    blurred = (255 * smooth(images, sigma, edge="replicate") + 1e-3).floor() / 255
    side = images.shape[-1]
    indices, picture = torch.arange(side), torch.arange(len(images))[:, None, None]
    shuffled = blurred.permute(0, 2, 3, 1)
    for _ in range(times):
        up, left = (draws.uniform(2, side, side) < 0.5).long().unbind(1)
        up[:, :2], up[:, :, :2], left[:, :2], left[:, :, :2] = 0, 0, 0, 0  # the border stays
        shuffled = shuffled[picture, indices[:, None] - up, indices - left]
    return smooth(shuffled.permute(0, 3, 1, 2), sigma, edge="replicate")


def motion_blur(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Blur along a line in one direction, at most 45 degrees from level, as ImageMagick does."""
    radius, sigma = ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5))[severity - 1]
    return moved(images, radius, sigma, draws.uniform() * 90 - 45)


def zoom_blur(images: Tensor, severity: int, _: Draws) -> Tensor:
    """Mix the picture with enlarged ones, as when the camera moves towards the scene."""
    factors = np.arange(1, (1.06, 1.11, 1.16, 1.21, 1.26)[severity - 1], 0.01)
    mixed = images + sum(enlarged(images, float(factor)) for factor in factors)
    return mixed / (len(factors) + 1)


def moved(images: Tensor, radius: int, sigma: float, degrees: Tensor) -> Tensor:
    """Blur pictures along a line from each pixel, by half a Gaussian bell.

    Args:
        images: float32 `n channels side side`.
        radius: half the length of the line in pixels.
        sigma: the standard deviation of the bell in pixels.
        degrees: the angle of the line for each picture, `n`; 0 is level, 90 downwards.
    """
    angles = degrees * (math.pi / 180)
    steps = torch.arange(2 * radius + 1.0)
    weights = torch.exp(-(steps**2) / (2 * sigma**2))
    weights /= weights.sum()
    picture = torch.arange(len(images))[:, None, None]
    indices = torch.arange(images.shape[-1])
    pixels = images.permute(0, 2, 3, 1)
    blurred = torch.zeros_like(pixels)
    for step, weight in zip(steps, weights, strict=True):
        down, right = (
            (step * part - 0.5).ceil().long()[:, None] for part in (angles.sin(), angles.cos())
        )
        rows = (indices + down).clamp(0, len(indices) - 1)
        columns = (indices + right).clamp(0, len(indices) - 1)
        blurred += weight * pixels[picture, rows[:, :, None], columns[:, None, :]]
    return blurred.permute(0, 3, 1, 2)


def smooth(images: Tensor, sigma: float, *, edge: str, widths: float = 4) -> Tensor:
    """Blur pictures by a Gaussian bell.

    Args:
        images: float32 `n channels side side`.
        sigma: the standard deviation in pixels; 0 leaves the pictures as they are.
        edge: what lies outside: `"replicate"` or `"symmetric"`.
        widths: where the bell is cut off, in standard deviations.
    """
    reach = int(widths * sigma + 0.5)
    if reach == 0:
        return images
    indices = torch.arange(-reach, images.shape[-1] + reach)
    if edge == "symmetric":
        period = 2 * images.shape[-1]
        indices = torch.minimum(indices % period, period - 1 - indices % period)
    indices = indices.clamp(0, images.shape[-1] - 1)
    channels = images.shape[1]
    kernel = _bell(sigma, reach).expand(channels, 1, 1, -1)
    for _ in range(2):  # along the rows, then along the columns
        images = F.conv2d(images[..., indices], kernel, groups=channels).mT
    return images


def _bell(sigma: float, reach: int) -> Tensor:
    steps = torch.arange(-reach, reach + 1.0)
    bell = torch.exp(-(steps**2) / (2 * sigma**2))
    return bell / bell.sum()


def enlarged(images: Tensor, factor: float) -> Tensor:
    """Cut out the middle and enlarge it to the size of the whole."""
    side = images.shape[-1]
    window = math.ceil(side / factor)
    top = (side - window) // 2
    size = round(window * factor)
    middle = images[..., top : top + window, top : top + window]
    large = F.interpolate(middle, (size, size), mode="bilinear", align_corners=True)
    cut = (size - side) // 2
    return large[..., cut : cut + side, cut : cut + side]
