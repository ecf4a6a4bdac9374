"""Labels in any form that has one meaning, to whole numbers and the names of the classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cifarkit.annotations import is_whole
from cifarkit.data.layouts import as_numpy, shape_of
from cifarkit.errors import DataError

__all__ = ["checked_names", "labels_and_names"]

Array = np.ndarray[Any, Any]
MOST_CLASSES = 100_000


def labels_and_names(
    parts: dict[str, Any], classes: Sequence[str] | None
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Bring the labels of all parts to whole numbers over the same classes.

    Args:
        parts: labels under their names in messages, those of train first: whole numbers `n` or
            `n 1`, one-hot rows `n classes`, or names.
        classes: the names of the classes, in the order of the labels; when None, the names that
            train has in alphabetical order, or "0", "1", … for numbers.

    Returns:
        int64 `n` for each part, and the names.

    Raises:
        DataError: labels have another type or shape, or are of no class.

    >>> labels_and_names({"y_train": ["dog", "cat"], "y_test": ["cat"]}, None)
    ({'y_train': tensor([1, 0]), 'y_test': tensor([0])}, ('cat', 'dog'))
    """
    plain = {name: _plain(as_numpy(labels, name), name) for name, labels in parts.items()}
    names = None if classes is None else checked_names(classes)
    if names is None:
        names = _names_of(plain)
    return {name: _numbers(labels, name, names) for name, labels in plain.items()}, names


def checked_names(classes: Any) -> tuple[str, ...]:
    """Return the names of classes as a tuple.

    Raises:
        DataError: they are no list of names.
    """
    if isinstance(classes, str):
        raise DataError(f"classes must be a list of names, found the one name {classes!r}")
    if not isinstance(classes, Iterable) or isinstance(classes, Set):  # a set has no order
        raise DataError(f"classes must be a list of names, found {classes!r}")
    # NumPy's strings become plain ones; what is no string is for the image set to refuse.
    return tuple(str(name) if isinstance(name, str) else name for name in classes)


def _plain(labels: Array, name: str) -> Array:
    """Return labels `n`: whole numbers, or an array of objects that are all names."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "iufb":
        labels = _from_one_hot(labels, name)
    if labels.ndim != 1:
        raise DataError(
            f"{name} must have one dimension, found {shape_of(labels)}; each picture has one label"
        )
    if labels.dtype.kind == "f" and bool((labels == np.round(labels)).all()):
        labels = labels.astype(np.int64)
    if labels.dtype.kind == "O" and labels.size:
        if all(isinstance(label, str) for label in labels):
            return labels
        if all(is_whole(label) and abs(label) < 2**63 for label in labels):
            labels = labels.astype(np.int64)
    if labels.dtype.kind in "UT":
        return labels.astype(object)
    if labels.dtype.kind not in "iu":
        cure = "; y.astype(int) makes 0 and 1 of them" if labels.dtype.kind == "b" else ""
        raise DataError(
            f"{name} must be whole numbers or names of classes, found {labels.dtype}{cure}"
        )
    most: Any = labels.max(initial=0)
    if most >= 2**63:
        raise DataError(f"{name} holds {most}, far above any class")
    return labels.astype(np.int64, copy=True)


def _from_one_hot(rows: Array, name: str) -> Array:
    if not bool((((rows == 0) | (rows == 1)).all(axis=1) & (rows.sum(axis=1) == 1)).all()):
        raise DataError(
            f"{name} must have one label a picture, found {shape_of(rows)} that are no one-hot "
            "rows; y.argmax(1) takes the largest of each"
        )
    labels: Array = rows.argmax(axis=1)
    return labels


def _names_of(parts: dict[str, Array]) -> tuple[str, ...]:
    """Return the names that train has, or those of numbers from 0 to the largest in all parts."""
    first, labels = next(iter(parts.items()))
    if labels.dtype == object:
        return tuple(sorted({str(label) for label in labels}))
    whole = [part for part in parts.values() if part.dtype != object and part.size]
    least = min((int(part.min()) for part in whole), default=0)
    most = max((int(part.max()) for part in whole), default=0)
    if least > 0:
        raise DataError(
            f"{first} has the labels {least} to {most}, and labels are counted from 0; subtract "
            f"{least} from all, or name the classes with classes=[…]"
        )
    if most >= MOST_CLASSES:
        raise DataError(f"{first} or another part has the label {most}, far above any class")
    return tuple(map(str, range(most + 1)))


def _numbers(labels: Array, name: str, names: tuple[str, ...]) -> Tensor:
    if labels.dtype != object:
        return torch.from_numpy(labels)
    numbers = {label: number for number, label in enumerate(names)}
    unknown = [(index, label) for index, label in enumerate(labels) if label not in numbers]
    if unknown:
        index, label = unknown[0]
        raise DataError(
            f"label {str(label)!r} of image {index} in {name} is none of the classes "
            f"{', '.join(map(str, names[:10]))}{', …' * (len(names) > 10)} "
            f"({len(unknown)} labels are wrong)"
        )
    return torch.tensor([numbers[label] for label in labels], dtype=torch.int64)
