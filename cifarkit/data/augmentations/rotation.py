"""Pictures turned by a few degrees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cifarkit.annotations import Range
from cifarkit.data.augmentations.augmentation import Augmentation

if TYPE_CHECKING:  # recipes name augmentations, and are listed without torch
    from torch import Generator, Tensor

__all__ = ["Rotation"]


@dataclass(frozen=True)
class Rotation(Augmentation):
    """Turn each picture about its middle by a random angle, to the left or to the right.

    Values between pixels are interpolated bilinearly, so the picture gets a little softer. What
    lies outside of the picture is mirrored at its border, as in `Crop`.

    Args:
        degrees: the largest angle; all angles from `-degrees` to `degrees` are equally likely.

    >>> import torch
    >>> images = torch.randint(256, (8, 3, 32, 32)).to(torch.uint8)
    >>> Rotation(degrees=15)(images, torch.Generator()).shape
    torch.Size([8, 3, 32, 32])
    """

    degrees: Annotated[float, Range(0, 180)] = 15.0

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the batch with every picture turned."""
        import torch

        from cifarkit.data.colour_changes import to_nearest_bytes
        from cifarkit.data.transfer import to_device
        from cifarkit.data.warping import rotate

        angles = self.degrees * (2 * torch.rand(len(images), generator=generator) - 1)
        return to_nearest_bytes(rotate(images.float(), to_device(angles, images.device)))
