"""Pictures in other colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cifarkit.annotations import Range
from cifarkit.data.augmentations.augmentation import Augmentation

if TYPE_CHECKING:  # recipes name augmentations, and are listed without torch
    from torch import Generator, Tensor

__all__ = ["ColorJitter"]


@dataclass(frozen=True)
class ColorJitter(Augmentation):
    """Change brightness, contrast, saturation and hue of each picture by random amounts.

    The amounts and their ranges are the same as in torchvision's `ColorJitter`. The four changes
    are made in a random order. All pictures of a batch share this order; in torchvision, each has
    its own.

    Args:
        brightness: how far the factor of the brightness may be from 1; 0 leaves it as it is.
        contrast: the same for the contrast, the distance from the picture's mean grey.
        saturation: the same for the saturation, the distance from each pixel's grey.
        hue: how far the hue may turn, as a share of the circle of colours; 0.5 reaches all. A large
            value teaches that colours do not matter.

    >>> import torch
    >>> grey = torch.full((500, 3, 32, 32), 100, dtype=torch.uint8)
    >>> seen = ColorJitter(brightness=0.2)(grey, torch.Generator())
    >>> seen.min().item(), seen.max().item()
    (80, 120)
    """

    brightness: Annotated[float, Range(0, 1)] = 0.2
    contrast: Annotated[float, Range(0, 1)] = 0.2
    saturation: Annotated[float, Range(0, 1)] = 0.2
    hue: Annotated[float, Range(0, 0.5)] = 0.0

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the batch in other colours."""
        import torch

        from cifarkit.data import colour_changes
        from cifarkit.data.transfer import to_device

        changes = (
            (colour_changes.adjust_brightness, 1, self.brightness),
            (colour_changes.adjust_contrast, 1, self.contrast),
            (colour_changes.adjust_saturation, 1, self.saturation),
            (colour_changes.adjust_hue, 0, self.hue),
        )
        order = torch.randperm(len(changes), generator=generator).tolist()
        draws = 2 * torch.rand(len(changes), len(images), generator=generator) - 1
        draws = to_device(draws, images.device)
        changed = images.float()
        for number in order:
            change, middle, reach = changes[number]
            if reach:
                changed = change(changed, middle + reach * draws[number])
        return colour_changes.to_nearest_bytes(changed)
