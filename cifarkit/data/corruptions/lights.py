"""Light and weather: fog, and too much or too little brightness, contrast or colour."""

from __future__ import annotations

import torch
from torch import Tensor

from cifarkit.data.corruptions.draws import Draws

__all__ = ["brightness", "contrast", "fog", "plasma", "saturate"]


def fog(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Add clouds of bright fog."""
    amount, decay = ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75))[severity - 1]
    largest = images.amax((1, 2, 3), keepdim=True)
    foggy = images + amount * plasma(images.shape[-1], decay, draws)[:, None]
    return foggy * largest / (largest + amount)


def brightness(images: Tensor, severity: int, _: Draws) -> Tensor:
    """Make every pixel brighter, with its hue and saturation as they are (HSV)."""
    amount = (0.05, 0.1, 0.15, 0.2, 0.3)[severity - 1]
    value = images.amax(1, keepdim=True)
    brighter = (value + amount).clamp(max=1)
    return torch.where(value > 0, images * brighter / value.clamp(min=1e-6), brighter)


def contrast(images: Tensor, severity: int, _: Draws) -> Tensor:
    """Move every pixel towards the mean of its channel."""
    factor = (0.75, 0.5, 0.4, 0.3, 0.15)[severity - 1]
    mean = images.mean((2, 3), keepdim=True)
    return (images - mean) * factor + mean


def saturate(images: Tensor, severity: int, _: Draws) -> Tensor:
    """Make colours paler at severities 1 and 2, and stronger at 3 to 5 (HSV)."""
    factor, amount = ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2))[severity - 1]
    value = images.amax(1, keepdim=True)
    chroma = value - images.amin(1, keepdim=True)
    saturation = chroma / value.where(value > 0, 1.0)
    stronger = (saturation * factor + amount).clamp(0, 1)
    below = (value - images) / chroma.where(chroma > 0, 1.0)  # 0 to 1, from the largest channel
    red = torch.tensor([0.0, 1.0, 1.0]).view(1, 3, 1, 1)  # the hue that grey has in HSV
    return value - value * stronger * torch.where(chroma > 0, below, red)


def plasma(side: int, decay: float, draws: Draws) -> Tensor:
    """Draw clouds by the diamond-square algorithm (Fournier et al. 1982).

    Args:
        side: of the clouds, a power of two.
        decay: by how much finer clouds are weaker than the next coarser ones.
        draws: of the pictures.

    Returns:
        float32 `n side side`, from 0 to 1.
    """
    step, wobble = side, 100.0
    clouds = torch.zeros(len(draws), side, side)
    while step >= 2:
        half = step // 2
        count = side // step

        def moved(around: Tensor, wobble: float = wobble, count: int = count) -> Tensor:
            return around / 4 + wobble**2 * (2 * draws.uniform(count, count) - 1)

        corners = clouds[:, ::step, ::step]
        pairs = corners + corners.roll(-1, 1)
        clouds[:, half::step, half::step] = moved(pairs + pairs.roll(-1, 2))
        middles = clouds[:, half::step, half::step]
        corners = clouds[:, ::step, ::step]
        across = middles + middles.roll(1, 1) + corners + corners.roll(-1, 2)
        clouds[:, ::step, half::step] = moved(across)
        down = middles + middles.roll(1, 2) + corners + corners.roll(-1, 1)
        clouds[:, half::step, ::step] = moved(down)
        step, wobble = half, wobble / decay
    clouds = clouds - clouds.amin((1, 2), keepdim=True)
    return clouds / clouds.amax((1, 2), keepdim=True)
