"""Noise: of the sensor, of little light, and of broken pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from cifarkit.data.corruptions.draws import Draws

__all__ = ["gaussian_noise", "impulse_noise", "shot_noise", "speckle_noise"]


def gaussian_noise(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Add Gaussian noise, as in little light."""
    scale = (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]
    return images + scale * draws.normal(*images.shape[1:])


def shot_noise(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Count photons, which arrive by chance: the fewer, the noisier."""
    photons = (500, 250, 100, 75, 50)[severity - 1]
    return draws.poisson(images * photons) / photons


def impulse_noise(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Turn some values black or white, as broken pixels do; each channel by itself."""
    share = (0.01, 0.02, 0.03, 0.05, 0.07)[severity - 1]
    draw = draws.uniform(*images.shape[1:])
    return torch.where(draw < share, (draw < share / 2).float(), images)


def speckle_noise(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Add Gaussian noise that is stronger where the picture is brighter."""
    scale = (0.06, 0.1, 0.12, 0.16, 0.2)[severity - 1]
    return images + images * scale * draws.normal(*images.shape[1:])
