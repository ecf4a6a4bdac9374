"""Pictures you already have as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cifarkit.data.image_set import IMAGE_SHAPE, ImageSet
from cifarkit.data.leaks import warn_of_leaks
from cifarkit.data.splits import Splits, split_off_val
from cifarkit.errors import DataError

__all__ = ["images_from_array", "load_arrays"]


def load_arrays(
    x_train: Any,
    y_train: Any,
    x_test: Any,
    y_test: Any,
    *,
    classes: Sequence[str],
    val_size: int | float = 0.1,
    split_seed: int = 0,
) -> Splits:
    """Make splits from NumPy arrays or tensors.

    Args:
        x_train: whole numbers 0 to 255, `n 3 32 32` or `n 32 32 3`, of any integer type.
        y_train: whole numbers `n`, each an index into `classes`.
        x_test: as `x_train`.
        y_test: as `y_train`.
        classes: the names of the classes, in the order of the labels.
        val_size: how many training images, or which share of them, become val.
        split_seed: the seed of that draw.

    Returns:
        The three image sets. A warning says so when more than one test picture in a hundred is a
        training picture too.

    Raises:
        DataError: a shape, type, range or label does not fit; the message names the first one.

    >>> black, white = np.zeros((20, 32, 32, 3), np.uint8), np.full((9, 32, 32, 3), 255)
    >>> load_arrays(
    ...     black, np.arange(20) % 2, white, np.arange(9) % 2, classes=["cat", "dog"], val_size=4
    ... )
    Splits('arrays': train 16, val 4, test 9, 2 classes, c3d762d44543)
    """
    if isinstance(classes, str):
        raise DataError(f"classes must be a list of names, found the one name {classes!r}")
    if not isinstance(classes, Iterable) or isinstance(classes, Set):  # a set has no order
        raise DataError(f"classes must be a list of names, found {classes!r}")
    # NumPy's strings become plain ones; what is no string is for the image set to refuse.
    names = tuple(str(name) if isinstance(name, str) else name for name in classes)
    train = ImageSet(images_from_array(x_train, "x_train"), _labels(y_train, "y_train"), names)
    test = ImageSet(images_from_array(x_test, "x_test"), _labels(y_test, "y_test"), names)
    splits = split_off_val(train, test, val_size=val_size, split_seed=split_seed, name="arrays")
    warn_of_leaks(splits)
    return splits


def images_from_array(array: Any, name: str) -> Tensor:
    """Bring whole numbers 0 to 255 of either layout to uint8 `n 3 32 32`.

    Raises:
        DataError: the array has another shape, type or range.
    """
    images = _as_numpy(array, name)
    if images.dtype.kind not in "iu":
        raise DataError(
            f"{name} must hold whole numbers 0 to 255, found {images.dtype}; for fractions of one, "
            "pass (x * 255).round().astype('uint8')"
        )
    if images.ndim == 4 and images.shape[1:] == (32, 32, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1:] != IMAGE_SHAPE:
        raise DataError(
            f"{name} must be n 3 32 32 or n 32 32 3, found {' '.join(map(str, images.shape))}; "
            "ck.load_image_folder brings pictures of other sizes to 32 by 32"
        )
    if images.size and not (images.min() >= 0 and images.max() <= 255):
        raise DataError(
            f"{name} must hold whole numbers 0 to 255, found {images.min()} to {images.max()}"
        )
    # One writable copy in this machine's byte order, whatever came in.
    return torch.from_numpy(images.astype(np.uint8, order="C", copy=True))


def _labels(array: Any, name: str) -> Tensor:
    labels = _as_numpy(array, name)
    if labels.dtype.kind not in "iu":
        raise DataError(
            f"{name} must be whole numbers, found {labels.dtype}; labels are indices into classes"
        )
    if labels.ndim != 1:
        cure = "labels.ravel()" if labels.shape[1:] == (1,) else "labels.argmax(1) for one-hot rows"
        raise DataError(
            f"{name} must have one dimension, found {' '.join(map(str, labels.shape))}; try {cure}"
        )
    if labels.size and labels.max() > np.iinfo(np.int64).max:
        raise DataError(f"{name} holds {labels.max()}, far above any class")
    return torch.from_numpy(labels.astype(np.int64, copy=True))


def _as_numpy(array: Any, name: str) -> np.ndarray[Any, Any]:
    try:
        return array.detach().cpu().numpy() if isinstance(array, Tensor) else np.asarray(array)
    # Rows of unequal length; a type or layout that NumPy does not have.
    except (ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{name} is not an array: {error}") from error
