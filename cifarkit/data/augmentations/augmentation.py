"""The base of all augmentations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from cifarkit.annotations import Mismatch
from cifarkit.data.mixing import Mix
from cifarkit.errors import DataError
from cifarkit.values import Value

if TYPE_CHECKING:  # recipes name augmentations, and are listed without torch
    from torch import Generator, Tensor

    from cifarkit.data.augmentation_context import AugmentationContext

__all__ = ["Augmentation", "context_of"]


class Augmentation(Value, ABC):
    """Base of all augmentations. To add one, write a frozen dataclass with a `__call__`.

    >>> import torch
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Invert(Augmentation):
    ...     def __call__(self, images, generator):
    ...         chosen = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    ...         return torch.where(chosen.to(images.device), 255 - images, images)
    >>> black = torch.zeros(20, 3, 32, 32, dtype=torch.uint8)
    >>> Invert()(black, torch.Generator()).unique()
    tensor([  0, 255], dtype=torch.uint8)
    """

    in_place_of_code = (
        "ck.Flip(), ck.Crop(padding=4) or another of cifarkit's; ck.Transform({name}(…)) wraps "
        "torchvision's"
    )

    @classmethod
    def taken_from(cls, found: Any) -> Value | None:
        """Return the augmentation that a class, or its name, stands for.

        Raises:
            Mismatch: it is a mix, or another callable, such as a torchvision transform.
        """
        if isinstance(found, Mix):
            raise Mismatch(f"an augmentation; a mix has its own field: mix={found!r}")
        return super().taken_from(found)

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


def context_of(augmentation: Augmentation, generator: Generator) -> AugmentationContext:
    """Return the generator as the context that it must be.

    Args:
        augmentation: the augmentation that needs it, for the message.
        generator: the generator that it was given.

    Raises:
        DataError: it is a plain generator.
    """
    from cifarkit.data.augmentation_context import AugmentationContext

    if not isinstance(generator, AugmentationContext):
        raise DataError(
            f"{type(augmentation).__name__} must know the epoch and which pictures these are; "
            "give it a ck.AugmentationContext, as training does, not a plain generator"
        )
    return generator
