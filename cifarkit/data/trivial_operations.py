"""The operations of TrivialAugment, each on pictures with a strength from -1 to 1."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from cifarkit.data import colour_changes, warping

__all__ = ["OPERATIONS"]

# The wide set of Müller and Hutter 2021, arXiv 2103.10158, with its largest strengths.
LARGEST = 0.99  # of a slope, and of how far a factor is from 1
LARGEST_SHIFT = 32  # pixels
LARGEST_ANGLE = 135  # degrees
FEWEST_BITS = 2


def _identity(images: Tensor, _: Tensor) -> Tensor:
    return images


def _shear_x(images: Tensor, strength: Tensor) -> Tensor:
    return warping.shear_x(images, LARGEST * strength)


def _shear_y(images: Tensor, strength: Tensor) -> Tensor:
    return warping.shear_y(images, LARGEST * strength)


def _translate_x(images: Tensor, strength: Tensor) -> Tensor:
    return warping.translate_x(images, (LARGEST_SHIFT * strength).trunc())


def _translate_y(images: Tensor, strength: Tensor) -> Tensor:
    return warping.translate_y(images, (LARGEST_SHIFT * strength).trunc())


def _rotate(images: Tensor, strength: Tensor) -> Tensor:
    return warping.rotate(images, LARGEST_ANGLE * strength)


def _brightness(images: Tensor, strength: Tensor) -> Tensor:
    return colour_changes.adjust_brightness(images, 1 + LARGEST * strength)


def _color(images: Tensor, strength: Tensor) -> Tensor:
    return colour_changes.adjust_saturation(images, 1 + LARGEST * strength)


def _contrast(images: Tensor, strength: Tensor) -> Tensor:
    return colour_changes.adjust_contrast(images, 1 + LARGEST * strength)


def _sharpness(images: Tensor, strength: Tensor) -> Tensor:
    return colour_changes.adjust_sharpness(images, 1 + LARGEST * strength)


def _posterize(images: Tensor, strength: Tensor) -> Tensor:
    return colour_changes.posterize(images, (8 - (8 - FEWEST_BITS) * strength.abs()).round())


def _solarize(images: Tensor, strength: Tensor) -> Tensor:
    return colour_changes.solarize(images, 255 * (1 - strength.abs()))


def _auto_contrast(images: Tensor, _: Tensor) -> Tensor:
    return colour_changes.auto_contrast(images)


def _equalize(images: Tensor, _: Tensor) -> Tensor:
    return colour_changes.equalize(images)


OPERATIONS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    _identity,
    _shear_x,
    _shear_y,
    _translate_x,
    _translate_y,
    _rotate,
    _brightness,
    _color,
    _contrast,
    _sharpness,
    _posterize,
    _solarize,
    _auto_contrast,
    _equalize,
)
