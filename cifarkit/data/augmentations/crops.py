"""Windows cut out of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cifarkit.annotations import Range
from cifarkit.data.augmentations.augmentation import Augmentation, context_of
from cifarkit.errors import DataError

if TYPE_CHECKING:  # recipes name augmentations, and are listed without torch
    from torch import Generator, Tensor

__all__ = ["Crop", "GrowingCrop"]


@dataclass(frozen=True)
class Crop(Augmentation):
    """Cut a window at a random position, after widening the picture by `padding` mirrored pixels.

    `Crop(padding=4)` is the usual "pad by four, crop 32 by 32" of He et al. 2016, section 4.2,
    with mirrored pixels in place of black ones. `Crop(padding=0, size=28)` shows the network less
    of each picture, which costs less. It needs a network that takes pictures of any size; such a
    network gains from the whole picture at evaluation (Touvron et al. 2019, "Fixing the train-test
    resolution discrepancy").

    Args:
        padding: how far the window may reach over each border, in pixels.
        size: the side of the window, in pixels.

    Raises:
        DataError: the pictures are too small, because they were made smaller before.

    >>> import torch
    >>> images = torch.randint(256, (8, 3, 32, 32)).to(torch.uint8)
    >>> Crop(padding=4)(images, torch.Generator()).shape
    torch.Size([8, 3, 32, 32])
    >>> Crop(padding=0, size=28)(images, torch.Generator()).shape
    torch.Size([8, 3, 28, 28])
    """

    padding: Annotated[int, Range(0, 16)] = 4
    size: Annotated[int, Range(8, 32)] = 32

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the window of every picture."""
        import torch

        from cifarkit.data.transfer import to_device

        batch, side = len(images), images.shape[-1]
        if self.padding >= side or self.size > side + 2 * self.padding:
            raise DataError(
                f"{self} cannot be cut out of pictures of {side} by {side} pixels; put it "
                "before the augmentation that makes them smaller"
            )
        last = side + self.padding - self.size  # the last position where a window can begin
        begin = torch.randint(-self.padding, last + 1, (2, batch, 1), generator=generator)
        begin = to_device(begin, images.device)
        window = torch.arange(self.size, device=images.device)
        indices = begin + window  # 2 batch size, from -padding to 31 + padding
        indices = indices.abs()  # mirrored at 0 …
        rows, columns = (side - 1) - ((side - 1) - indices).abs()  # … and at 31
        picture = torch.arange(batch, device=images.device)[:, None, None]
        pixels = images.permute(0, 2, 3, 1)  # the three channels of a pixel move as one
        return pixels[picture, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


@dataclass(frozen=True)
class GrowingCrop(Augmentation):
    """Cut a window at a random position, small in the first epochs and larger towards the last.

    A small window is enough for the first epochs, and costs less. The last windows show nearly the
    whole picture, on which the network is evaluated. Tan and Le 2021, "EfficientNetV2", section 4,
    make the pictures themselves smaller. The network must take pictures of any size.

    Args:
        first: the side of the window in the first epoch, in pixels, at most 24.
        last: the side in the last epoch, at least 24; the sides between them grow linearly,
            rounded. A single epoch has this side.
        step: by how many pixels the side grows at a time; the last growth may be smaller. With a
            larger step, a network is compiled for fewer sides.

    Raises:
        DataError: it is called without an `AugmentationContext`, which says how far training is; or
            the pictures, made smaller before, are too small for it.

    >>> import torch
    >>> from cifarkit.data.augmentation_context import AugmentationContext
    >>> images = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
    >>> setting = {"epochs": 5, "step": 0, "indices": torch.arange(4), "total": 4}
    >>> for epoch in range(5):
    ...     context = AugmentationContext(3, epoch=epoch, **setting)
    ...     print(GrowingCrop(first=20, last=28)(images, context).shape[-1], end=" ")
    20 22 24 26 28
    """

    first: Annotated[int, Range(8, 24)] = 20
    last: Annotated[int, Range(24, 32)] = 28
    step: Annotated[int, Range(1, 24)] = 1

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the window of every picture."""
        context = context_of(self, generator)
        share = context.epoch / (context.epochs - 1) if context.epochs > 1 else 1.0
        growth = round((self.last - self.first) * share / self.step) * self.step
        side = self.last if share == 1 else min(self.first + growth, self.last)
        if side > images.shape[-1]:
            raise DataError(
                f"{self} cannot be cut out of pictures of {images.shape[-1]} by "
                f"{images.shape[-1]} pixels; put it before what makes them smaller"
            )
        return Crop(padding=0, size=side)(images, context)
