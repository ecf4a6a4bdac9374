"""Augmentations: values that change a whole batch of training pictures at once.

Each takes uint8 `batch 3 32 32` and returns as many pictures of the same type, which may be
smaller. All randomness comes from the generator that it gets.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cifarkit.annotations import Mismatch, Range
from cifarkit.errors import DataError
from cifarkit.values import Value

if TYPE_CHECKING:  # recipes name augmentations, and are listed without torch
    from torch import Generator, Tensor

    from cifarkit.data.augmentation_context import AugmentationContext

__all__ = ["AlternatingFlip", "Augmentation", "Crop", "Cutout", "Flip", "GrowingCrop"]


class Augmentation(Value, ABC):
    """Base of all augmentations. To add one, write a frozen dataclass with a `__call__`.

    >>> import torch
    >>> @dataclass(frozen=True)
    ... class Invert(Augmentation):
    ...     def __call__(self, images, generator):
    ...         chosen = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    ...         return torch.where(chosen.to(images.device), 255 - images, images)
    >>> black = torch.zeros(20, 3, 32, 32, dtype=torch.uint8)
    >>> Invert()(black, torch.Generator()).unique()
    tensor([  0, 255], dtype=torch.uint8)
    """

    @classmethod
    def taken_from(cls, found: Any) -> Value | None:
        """Return what a class of augmentations, or its name, means.

        Raises:
            Mismatch: it is something else that can be called, such as torchvision's.
        """
        if (value := super().taken_from(found)) is None and callable(found):
            name = getattr(found, "__name__", type(found).__name__)
            raise Mismatch(
                f"ck.Flip(), ck.Crop(padding=4) or another of cifarkit's; ck.Transform({name}(…)) "
                "wraps torchvision's"
            )
        return value

    @abstractmethod
    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return a changed copy of the batch.

        Args:
            images: uint8 `batch 3 32 32`, not changed in place.
            generator: a CPU generator, the source of all randomness. In training it is an
                `AugmentationContext`, which also knows the epoch and which pictures these are.
                The global generators of torch, NumPy and Python are seeded there by the same key.

        Returns:
            uint8 `batch 3 side side`, with a side of at most 32.
        """


@dataclass(frozen=True)
class Flip(Augmentation):
    """Mirror left and right.

    Args:
        probability: the probability that a picture is mirrored.

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
        return _mirrored(images, chosen)


@dataclass(frozen=True)
class AlternatingFlip(Augmentation):
    """Mirror every picture in every second epoch, half of them in the even ones.

    In two epochs each picture is seen both ways; independent draws show only half of them so:
    Jordan 2024, arXiv 2404.00498, section 3.6.

    Raises:
        DataError: it is called without an `AugmentationContext`, which says which pictures
            these are.

    >>> import torch
    >>> from cifarkit.data.augmentation_context import AugmentationContext
    >>> row = torch.arange(32, dtype=torch.uint8).expand(4, 3, 32, 32)
    >>> setting = {"epochs": 3, "step": 0, "indices": torch.arange(4), "total": 4}
    >>> for epoch in range(3):
    ...     context = AugmentationContext(3, epoch=epoch, **setting)
    ...     print(AlternatingFlip()(row, context)[:, 0, 0, 0].tolist())
    [0, 31, 31, 0]
    [31, 0, 0, 31]
    [0, 31, 31, 0]
    """

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the batch with the pictures of this epoch's turn mirrored."""
        import torch

        from cifarkit.randomness import generator_for

        context = _context(self, generator)
        # The same coins in every epoch, so that each picture alternates.
        coins = torch.rand(context.total, generator=generator_for("flip", context.run_seed))
        chosen = (coins[context.indices] < 0.5) ^ bool(context.epoch % 2)
        return _mirrored(images, chosen)


@dataclass(frozen=True)
class Crop(Augmentation):
    """Cut a window at a random position, after widening the picture by `padding` mirrored pixels.

    `Crop(padding=4)` is the usual "pad by four, crop 32 by 32" of He et al. 2016, section 4.2,
    with mirrored pixels in place of black ones. `Crop(padding=0, size=28)` shows the network less
    of each picture, which costs less. It is for networks that take pictures of any size; they
    gain from the whole picture at evaluation (Touvron et al. 2019, "Fixing the train-test
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

    A small window is enough to learn the first things from, and costs less; the last windows are
    nearly what the network is then evaluated on, the whole picture (Tan and Le 2021,
    "EfficientNetV2", section 4, who make the pictures themselves smaller). For networks that take
    pictures of any size.

    Args:
        first: the side of the window in the first epoch, in pixels, at most 24.
        last: the side in the last epoch, at least 24; those between lie on a line, rounded. A
            single epoch is the last.
        step: by how many pixels it grows at a time, the last time by fewer where they do not fit;
            a larger step gives fewer sides to compile a network for.

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
        context = _context(self, generator)
        share = context.epoch / (context.epochs - 1) if context.epochs > 1 else 1.0
        growth = round((self.last - self.first) * share / self.step) * self.step
        side = self.last if share == 1 else min(self.first + growth, self.last)
        if side > images.shape[-1]:
            raise DataError(
                f"{self} cannot be cut out of pictures of {images.shape[-1]} by "
                f"{images.shape[-1]} pixels; put it before what makes them smaller"
            )
        return Crop(padding=0, size=side)(images, context)


@dataclass(frozen=True)
class Cutout(Augmentation):
    """Grey out one square of each picture, at a random position, clipped at the border.

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

        from cifarkit.data.transfer import to_device

        batch, side = len(images), images.shape[-1]
        centre = torch.randint(side, (2, batch, 1), generator=generator)
        start = to_device(centre, images.device) - self.size // 2
        indices = torch.arange(side, device=images.device)
        rows, columns = (indices >= start) & (indices < start + self.size)  # each batch 32
        hole = rows[:, None, :, None] & columns[:, None, None, :]  # batch 1 32 32
        return images.masked_fill(hole, 128)


def _context(augmentation: Augmentation, generator: Generator) -> AugmentationContext:
    from cifarkit.data.augmentation_context import AugmentationContext

    if not isinstance(generator, AugmentationContext):
        raise DataError(
            f"{type(augmentation).__name__} must know the epoch and which pictures these are; "
            "give it a ck.AugmentationContext, not a plain generator, as training does"
        )
    return generator


def _mirrored(images: Tensor, chosen: Tensor) -> Tensor:
    import torch

    from cifarkit.data.transfer import to_device

    chosen = to_device(chosen, images.device)[:, None, None, None]  # batch 1 1 1
    return torch.where(chosen, images.flip(3), images)
