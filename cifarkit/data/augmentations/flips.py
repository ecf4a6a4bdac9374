"""Pictures mirrored left and right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cifarkit.annotations import Range
from cifarkit.data.augmentations.augmentation import Augmentation, context_of

if TYPE_CHECKING:  # recipes name augmentations, and are listed without torch
    from torch import Generator, Tensor

__all__ = ["AlternatingFlip", "Flip"]


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
    """Mirror every picture in every second epoch: half of them in even epochs, half in odd ones.

    In two epochs each picture is seen both ways; with independent draws, only half of them are:
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
        """Return the batch with the pictures mirrored whose turn it is in this epoch."""
        import torch

        from cifarkit.randomness import generator_for

        context = context_of(self, generator)
        # The same coins in every epoch, so that each picture alternates.
        coins = torch.rand(context.total, generator=generator_for("flip", context.run_seed))
        chosen = (coins[context.indices] < 0.5) ^ bool(context.epoch % 2)
        return _mirrored(images, chosen)


def _mirrored(images: Tensor, chosen: Tensor) -> Tensor:
    import torch

    from cifarkit.data.transfer import to_device

    chosen = to_device(chosen, images.device)[:, None, None, None]  # batch 1 1 1
    return torch.where(chosen, images.flip(3), images)
