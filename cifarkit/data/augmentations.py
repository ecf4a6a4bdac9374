"""Augmentations: values that change a whole batch of training pictures at once.

Each takes uint8 `batch 3 32 32` and returns the same shape and type; all chance comes from the
generator it is given. To add one, write a frozen dataclass with an `__call__`::

    @dataclass(frozen=True)
    class Invert(ck.Augmentation):
        def __call__(self, images, generator):
            chosen = torch.rand(len(images), generator=generator) < 0.5
            return torch.where(on_pictures(chosen, images), 255 - images, images)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cifarkit.values import Range, Value

if TYPE_CHECKING:  # recipes name augmentations, and are listed without torch
    from torch import Generator, Tensor

__all__ = ["Augmentation", "Crop", "Cutout", "Flip"]


@dataclass(frozen=True)
class Augmentation(Value, ABC):
    """Base of all augmentations."""

    @abstractmethod
    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return a changed copy of the batch.

        Args:
            images: uint8 `batch 3 32 32`, left as it is.
            generator: a CPU generator; all chance comes from it.

        Returns:
            uint8 `batch 3 32 32`.
        """


@dataclass(frozen=True)
class Flip(Augmentation):
    """Mirror left and right.

    Args:
        probability: of each picture to be mirrored.

    >>> import torch
    >>> row = torch.arange(32, dtype=torch.uint8).expand(1, 3, 32, 32)
    >>> Flip(probability=1.0)(row, torch.Generator())[0, 0, 0, :4]
    tensor([31, 30, 29, 28], dtype=torch.uint8)
    """

    probability: Annotated[float, Range(0, 1)] = 0.5

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the batch with some pictures mirrored."""
        import torch

        chosen = torch.rand(len(images), generator=generator) < self.probability
        chosen = chosen.to(images.device)[:, None, None, None]  # batch 1 1 1
        return torch.where(chosen, images.flip(3), images)


@dataclass(frozen=True)
class Crop(Augmentation):
    """Shift by up to `padding` pixels each way; what comes into view is the border mirrored.

    The usual "pad by four, crop 32 by 32" of He et al. 2016, section 4.2, with mirrored pixels
    in place of black ones.

    Args:
        padding: the largest shift, in pixels.

    >>> import torch
    >>> images = torch.randint(256, (8, 3, 32, 32)).to(torch.uint8)
    >>> Crop(padding=4)(images, torch.Generator()).shape
    torch.Size([8, 3, 32, 32])
    """

    padding: Annotated[int, Range(1, 16)] = 4

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the batch with every picture shifted."""
        import torch

        batch, size = len(images), images.shape[-1]
        shift = torch.randint(-self.padding, self.padding + 1, (2, batch, 1), generator=generator)
        places = shift + torch.arange(size)  # 2 batch 32, from -padding to 31 + padding
        places = places.abs()  # mirrored at 0 …
        places = (size - 1) - ((size - 1) - places).abs()  # … and at 31
        rows, columns = places.to(images.device)
        picture = torch.arange(batch, device=images.device)[:, None, None, None]
        channel = torch.arange(images.shape[1], device=images.device)[None, :, None, None]
        return images[picture, channel, rows[:, None, :, None], columns[:, None, None, :]]


@dataclass(frozen=True)
class Cutout(Augmentation):
    """Grey out one square of each picture, at a random place, clipped at the border.

    DeVries and Taylor 2017, "Improved Regularization of CNNs with Cutout", section 3.

    Args:
        size: the side of the square, in pixels.

    >>> import torch
    >>> white = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    >>> Cutout(size=8)(white, torch.Generator()).unique()
    tensor([128, 255], dtype=torch.uint8)
    """

    size: Annotated[int, Range(1, 32)] = 8

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the batch with one square of every picture grey."""
        import torch

        batch, side = len(images), images.shape[-1]
        centre = torch.randint(side, (2, batch, 1), generator=generator)
        start = centre - self.size // 2
        places = torch.arange(side)
        inside = (places >= start) & (places < start + self.size)  # 2 batch 32
        rows, columns = inside.to(images.device)
        hole = rows[:, None, :, None] & columns[:, None, None, :]  # batch 1 32 32
        return images.masked_fill(hole, 128)
