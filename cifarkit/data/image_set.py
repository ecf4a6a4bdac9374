"""Labelled pictures, kept as one uint8 tensor, and the conversion from bytes to floats and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from cifarkit.annotations import is_whole
from cifarkit.blocks import Block, Readable
from cifarkit.data.loaders import loader_for
from cifarkit.data.test_reads import notice
from cifarkit.errors import DataError
from cifarkit.guidance import Guided
from cifarkit.tables import Table

__all__ = ["IMAGE_SHAPE", "ImageSet", "check_image_set", "to_bytes", "to_floats"]

IMAGE_SHAPE = (3, 32, 32)


def to_floats(images: Tensor) -> Tensor:
    """Scale bytes to what a network sees.

    Args:
        images: uint8 `… 3 32 32`, 0 to 255.

    Returns:
        float32 of the same shape, in [-1, 1].

    Raises:
        DataError: it is not a tensor.

    >>> to_floats(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([-1.,  1.])
    """
    _check_tensor("ck.to_floats", images)
    return images.to(torch.float32).div_(127.5).sub_(1.0)


def to_bytes(images: Tensor) -> Tensor:
    """Undo `to_floats` exactly, for showing pictures.

    Args:
        images: float `… 3 32 32` in [-1, 1]; values outside are clipped.

    Returns:
        uint8 of the same shape, 0 to 255.

    Raises:
        DataError: it is not a tensor.

    >>> every_byte = torch.arange(256).to(torch.uint8)
    >>> torch.equal(to_bytes(to_floats(every_byte)), every_byte)
    True
    """
    _check_tensor("ck.to_bytes", images)
    return images.add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet(Guided, Readable, Dataset[tuple[Tensor, int]]):
    """Labelled pictures of one split; also a map-style torch `Dataset`.

    Args:
        images: uint8 `n 3 32 32`, 0 to 255.
        labels: int64 `n`, each an index into `classes`.
        classes: the names of the classes, in the order of the labels.

    Raises:
        DataError: shapes, types or labels do not fit together.

    >>> pictures = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    >>> pair = ImageSet(pictures, torch.tensor([0, 1]), ("cat", "dog"))
    >>> pair
    ImageSet(2 images of 2 classes)
    >>> image, label = pair[1]
    >>> image.shape, image.min().item(), pair.classes[label]
    (torch.Size([3, 32, 32]), -1.0, 'dog')
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_classes(self.classes)
        _check_images(self.images)
        _check_labels(self.labels, len(self.images), len(self.classes))

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name == "images":
            notice(value)
        return value

    def __len__(self) -> int:
        """Count the images."""
        return len(self.labels)  # counting test pictures does not read them

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return one image as a network sees it, float32 `3 32 32` in [-1, 1], and its label.

        Raises:
            DataError: the index is not a whole number.
        """
        if not is_whole(index) and getattr(index, "shape", None) != ():
            raise DataError(
                f"the index of an image must be a whole number, found {index!r}; for several, "
                "write set.subset(range(100))"
            )
        return to_floats(self.images[index]), int(self.labels[index])

    def __repr__(self) -> str:
        return f"ImageSet({len(self):,} images of {len(self.classes)} classes)"

    def counts(self) -> list[int]:
        """Return how many images each class has, in the order of the classes.

        >>> pictures = torch.zeros(3, 3, 32, 32, dtype=torch.uint8)
        >>> ImageSet(pictures, torch.tensor([0, 1, 1]), ("cat", "dog")).counts()
        [1, 2]
        """
        counts: list[int] = torch.bincount(self.labels, minlength=len(self.classes)).tolist()
        return counts

    def blocks(self) -> Sequence[Block]:
        """Return how many images each class has."""
        rows = [[name, f"{n:,}"] for name, n in zip(self.classes, self.counts(), strict=True)]
        return [repr(self), Table(("class", "images"), rows, ("total", f"{len(self):,}"))]

    def subset(self, indices: Sequence[int] | Tensor) -> ImageSet:
        """Return the images at these indices, in this order.

        Raises:
            DataError: an index lies outside the set or is not a whole number.
        """
        chosen = _as_indices(indices)
        outside = chosen[(chosen < 0) | (chosen >= len(self))]
        if len(outside):
            raise DataError(f"there is no image {outside[0]}: this set has 0 to {len(self) - 1}")
        chosen = chosen.to(self.images.device)
        return ImageSet(self.images[chosen], self.labels[chosen], self.classes)

    def to(self, device: torch.device | str) -> ImageSet:
        """Return the set on another device, as a whole."""
        return ImageSet(self.images.to(device), self.labels.to(device), self.classes)


def check_image_set(image_set: Any) -> None:
    """Refuse anything but an image set.

    Raises:
        DataError: it is something else; the message says what.
    """
    if not isinstance(image_set, ImageSet):
        is_splits = isinstance(getattr(image_set, "test", None), ImageSet)
        way = "" if is_splits else f". {loader_for(image_set)} makes splits of it"
        raise DataError(
            "pictures and labels come as an ImageSet, such as splits.test; found "
            f"{type(image_set).__name__}{way}"
        )


def _check_tensor(callee: str, images: Any) -> None:
    if not isinstance(images, Tensor):
        kind = type(images).__name__
        way = "images.images" if isinstance(images, ImageSet) else "torch.as_tensor(images)"
        raise DataError(f"{callee} takes a tensor, found {kind}: write {callee}({way})")


def _as_indices(indices: Any) -> Tensor:
    # NumPy takes any sequence, and strides and byte orders that torch refuses.
    numbers = np.asarray(indices.cpu() if isinstance(indices, Tensor) else indices)
    if numbers.dtype.kind not in "iu" and numbers.size:
        hint = "mask.nonzero()" if numbers.dtype.kind == "b" else "whole numbers"
        raise DataError(f"indices must be positions in the set, found {numbers.dtype}; pass {hint}")
    return torch.from_numpy(numbers.astype(np.int64).reshape(-1))


def _check_classes(classes: Any) -> None:
    if not isinstance(classes, tuple) or not all(isinstance(name, str) for name in classes):
        raise DataError(f"classes must be a tuple of names, found {classes!r}")
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise DataError(f"classes must be two or more different names, found {classes!r}")


def _described(thing: Any) -> str:
    if isinstance(thing, Tensor):
        return f"{thing.dtype} {tuple(thing.shape)}"
    return type(thing).__name__


def _check_images(images: Any) -> None:
    if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.ndim != 4:
        raise DataError(f"images must be a uint8 tensor n 3 32 32, found {_described(images)}")
    if images.shape[1:] != IMAGE_SHAPE:
        raise DataError(
            f"images must be n 3 32 32, found {_described(images)}; "
            "ck.load_arrays takes other layouts, ck.load_image_folder other sizes"
        )


def _check_labels(labels: Any, images: int, classes: int) -> None:
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.ndim != 1:
        raise DataError(
            f"labels must be an int64 tensor of one dimension, found {_described(labels)}"
        )
    if len(labels) != images:
        raise DataError(f"each image needs one label, found {images} images, {len(labels)} labels")
    wrong = ((labels < 0) | (labels >= classes)).nonzero().flatten()
    if len(wrong):
        first = int(wrong[0])
        raise DataError(
            f"label {int(labels[first])} of image {first} is out of range: "
            f"{classes} classes have the labels 0 to {classes - 1} "
            f"({len(wrong)} labels are wrong)"
        )
