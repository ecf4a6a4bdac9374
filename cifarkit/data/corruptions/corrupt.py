"""Image sets corrupted by name and severity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import torch
from torch import Tensor

from cifarkit.annotations import Range
from cifarkit.arguments import checked
from cifarkit.data.corruptions.blurs import (
    defocus_blur,
    gaussian_blur,
    glass_blur,
    motion_blur,
    zoom_blur,
)
from cifarkit.data.corruptions.digital import elastic_transform, jpeg_compression, pixelate
from cifarkit.data.corruptions.draws import Draws
from cifarkit.data.corruptions.lights import brightness, contrast, fog, saturate
from cifarkit.data.corruptions.noises import (
    gaussian_noise,
    impulse_noise,
    shot_noise,
    speckle_noise,
)
from cifarkit.data.corruptions.weather import snow, spatter
from cifarkit.data.image_set import ImageSet, check_image_set
from cifarkit.errors import DataError
from cifarkit.guidance import explains_arguments, nearest
from cifarkit.modes import float32_by_default
from cifarkit.randomness import generator_for

__all__ = ["FAMILIES", "SEVERITIES", "check_corruption", "corrupt", "list_corruptions"]

Corruption = Callable[[Tensor, int, Draws], Tensor]

FAMILIES: dict[str, tuple[Corruption, ...]] = {
    "noise": (gaussian_noise, shot_noise, impulse_noise, speckle_noise),
    "blur": (defocus_blur, gaussian_blur, glass_blur, motion_blur, zoom_blur),
    "light": (fog, snow, spatter, brightness, contrast, saturate),
    "digital": (elastic_transform, pixelate, jpeg_compression),
}
CORRUPTIONS = {kind.__name__: kind for family in FAMILIES.values() for kind in family}
SEVERITIES = (1, 2, 3, 4, 5)
AT_ONCE = 1_000  # pictures, so that large sets fit in memory
ROUNDING = 1e-3  # of a byte: a whole number that arithmetic made a little smaller stays one


@explains_arguments("ck.list_corruptions")
def list_corruptions() -> list[str]:
    """Return the names that `corrupt` knows.

    >>> list_corruptions()[:3]
    ['gaussian_noise', 'shot_noise', 'impulse_noise']
    """
    return list(CORRUPTIONS)


@explains_arguments("ck.corrupt")
def corrupt(image_set: ImageSet, name: str, severity: int) -> ImageSet:
    """Return an image set with every picture corrupted in one way.

    The kinds and their five severities are those of CIFAR-10-C, the usual test of robustness:
    Hendrycks and Dietterich 2019, arXiv 1903.12261, with the numbers of their published code. Of
    their 19 kinds frost is left out, which needs their photographs of frost. The random numbers
    are others than theirs. So the results are near to those on CIFAR-10-C, but not the same.

    All randomness is keyed by name, severity and the index of the picture in the set: a set
    corrupted twice gives the same pictures. A subset has other indices, so corrupt first. JPEG is
    Pillow's, and may differ by a little between its versions.

    Args:
        image_set: the pictures, which are left as they are, and their labels.
        name: one of `list_corruptions()`.
        severity: from 1, mild, to 5.

    Returns:
        As many pictures with the same labels, on the same device.

    Raises:
        DataError: it is not an image set, or there is no such name or severity.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> test = load_synthetic(n_train=100, n_test=50, val_size=10).test
    >>> corrupt(test, "gaussian_noise", severity=3)
    ImageSet(50 images of 10 classes)
    >>> corrupt(test, "gausian_noise", severity=3)
    Traceback (most recent call last):
    ...
    cifarkit.errors.DataError: there is no corruption 'gausian_noise': did you mean ...
    """
    check_image_set(image_set)
    check_corruption(name)
    severity = checked("severity", severity, Annotated[int, Range(SEVERITIES[0], SEVERITIES[-1])])
    chunks: Sequence[Tensor] = image_set.images.cpu().split(AT_ONCE)
    images = torch.cat(
        [
            _corrupted(chunk, name, severity, first=AT_ONCE * number)
            for number, chunk in enumerate(chunks)
        ]
    )
    return ImageSet(images.to(image_set.images.device), image_set.labels, image_set.classes)


def check_corruption(name: Any) -> None:
    """Refuse a name that `corrupt` does not know.

    Raises:
        DataError: the message has the nearest name, and all names.
    """
    if isinstance(name, str) and name in CORRUPTIONS:
        return
    close = nearest(str(name), CORRUPTIONS)
    advice = f"did you mean {close!r}? " if close else ""
    raise DataError(f"there is no corruption {name!r}: {advice}There are {', '.join(CORRUPTIONS)}")


@float32_by_default()
def _corrupted(images: Tensor, name: str, severity: int, first: int) -> Tensor:
    """Corrupt pictures, of which the first has this index."""
    if len(images) == 0:
        return images
    keys = range(first, first + len(images))
    draws = Draws([generator_for("corrupt", name, severity, index) for index in keys])
    changed = CORRUPTIONS[name](images.float() / 255, severity, draws).clamp(0, 1)
    return (255 * changed + ROUNDING).to(torch.uint8)  # cut off, not rounded, as in CIFAR-10-C
