"""One random change a picture, of random strength."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cifarkit.data.augmentations.augmentation import Augmentation

if TYPE_CHECKING:  # recipes name augmentations, and are listed without torch
    from torch import Generator, Tensor

__all__ = ["TrivialAugment"]


@dataclass(frozen=True)
class TrivialAugment(Augmentation):
    """Change each picture by one operation, drawn at random, with a random strength.

    There is nothing to tune, but it does as well as methods that search for their settings: Müller
    and Hutter 2021, "TrivialAugment", arXiv 2103.10158. The fourteen operations of their wide set
    are equally likely: none at all, shear and shift along x and y, rotation, brightness,
    saturation, contrast, sharpness, posterize, solarize, auto-contrast, and equalize. A strength is
    any number from 0 to the paper's largest; the paper has 31 levels. Pixels outside of the picture
    are mirrored at its border; in the paper they are black.

    The paper uses it after `Flip` and `Crop`, and before `Cutout(size=16)`.

    >>> import torch
    >>> images = torch.randint(256, (8, 3, 32, 32)).to(torch.uint8)
    >>> TrivialAugment()(images, torch.Generator()).shape
    torch.Size([8, 3, 32, 32])
    """

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the batch with one operation done to every picture."""
        import torch

        from cifarkit.data.colour_changes import to_nearest_bytes
        from cifarkit.data.transfer import to_device
        from cifarkit.data.trivial_operations import OPERATIONS

        chosen = torch.randint(len(OPERATIONS), (len(images),), generator=generator)
        strengths = 2 * torch.rand(len(images), generator=generator) - 1
        strengths = to_device(strengths, images.device)
        changed = images.clone()
        for number, operation in enumerate(OPERATIONS):
            # Found on the CPU, so that no step waits for a GPU to count.
            which = to_device((chosen == number).nonzero().flatten(), images.device)
            if len(which):
                pictures = operation(images[which].float(), strengths[which])
                changed[which] = to_nearest_bytes(pictures)
        return changed
