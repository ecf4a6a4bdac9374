"""Random noise on pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cifarkit.annotations import Range
from cifarkit.data.augmentations.augmentation import Augmentation

if TYPE_CHECKING:  # recipes name augmentations, and are listed without torch
    from torch import Generator, Tensor

__all__ = ["Noise"]


@dataclass(frozen=True)
class Noise(Augmentation):
    """Add Gaussian noise to every pixel and channel, drawn independently.

    Training with a little noise is a form of regularisation: Bishop 1995, "Training with Noise is
    Equivalent to Tikhonov Regularization".

    Args:
        sd: the standard deviation of the noise, in bytes: black is 0 and white 255.

    >>> import torch
    >>> grey = torch.full((50, 3, 32, 32), 128, dtype=torch.uint8)
    >>> Noise(sd=8)(grey, torch.Generator()).double().std().round()
    tensor(8., dtype=torch.float64)
    """

    sd: Annotated[float, Range(0, 128)] = 8.0

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the batch with noise added, rounded, and cut off at black and white."""
        import torch

        from cifarkit.data.colour_changes import to_nearest_bytes
        from cifarkit.data.transfer import to_device

        noise = self.sd * torch.randn(images.shape, generator=generator)
        return to_nearest_bytes(images + to_device(noise, images.device))
