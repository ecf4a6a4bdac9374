"""Convert labels of any kind to whole numbers and the names of the classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cifarkit.annotations import is_whole
from cifarkit.data.foreign_arrays import as_numpy
from cifarkit.data.layouts import shape_of
from cifarkit.errors import DataError
from cifarkit.warn import warn

__all__ = ["MISSING", "checked_names", "labels_and_names"]

Array = np.ndarray[Any, Any]
MOST_CLASSES = 100_000
MISSING = ("", "nan", "NaN", "<NA>", "NaT")  # how pandas and NumPy write a missing label


def labels_and_names(
    parts: dict[str, Any], classes: Sequence[str] | None
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Convert the labels of all parts to whole numbers over the same classes.

    Args:
        parts: labels under their names in messages, train's first: whole numbers `n` or `n 1`,
            one-hot rows `n classes`, or names.
        classes: the names of the classes, in the order of the labels; when None, the names that
            train has in alphabetical order, or "0", "1", … for numbers.

    Returns:
        int64 `n` for each part, and the names.

    Raises:
        DataError: labels have another type or shape, or belong to no class.

    >>> labels_and_names({"y_train": ["dog", "cat"], "y_test": ["cat"]}, None)
    ({'y_train': tensor([1, 0]), 'y_test': tensor([0])}, ('cat', 'dog'))
    """
    plain = {name: _plain(labels, name) for name, labels in parts.items()}
    names = None if classes is None else checked_names(classes)
    if names is None:
        names = _names_of(plain, max(_columns(labels) for labels in parts.values()))
    return {name: _numbers(labels, name, names) for name, labels in plain.items()}, names


def checked_names(classes: Any) -> tuple[str, ...]:
    """Return the names of classes as a tuple.

    Raises:
        DataError: they are not a list of names.
    """
    if isinstance(classes, str):
        raise DataError(f"classes must be a list of names, found the one name {classes!r}")
    if isinstance(classes, Mapping):
        raise DataError(
            "classes must be a list of names, found a dictionary; list(d) gives its keys, and "
            "list(d.values()) its values"
        )
    if not isinstance(classes, Iterable) or isinstance(classes, Set):  # a set has no order
        raise DataError(f"classes must be a list of names, found {classes!r}")
    names = tuple(classes)
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise DataError(
            f"classes must be a list of names, found {wrong[0]!r} among them; "
            "[str(name) for name in classes] makes text of them, and y.astype(str) of the labels"
        )
    return tuple(map(str, names))  # NumPy's strings become plain ones


def _plain(given: Any, name: str) -> Array:
    """Return labels `n`: whole numbers, or an array of objects that are all names."""
    if isinstance(given, list | tuple) and any(isinstance(label, str | bytes) for label in given):
        labels: Array = np.empty(len(given), object)  # NumPy would write "nan" for a missing one
        labels[:] = given
    else:
        labels = as_numpy(given, name)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "iufb":
        labels = _from_rows(labels, name, getattr(given, "columns", None))
    if labels.ndim != 1:
        way = "; the order is x_train, y_train, x_test, y_test" * (labels.ndim > 2)
        raise DataError(
            f"{name} must have one dimension, found {shape_of(labels)}; each picture has one "
            f"label{way}"
        )
    _check_all_given(labels, name)
    if labels.dtype.kind == "f" and bool((labels == np.round(labels)).all()):
        labels = labels.astype(np.int64)
    if labels.dtype.kind in "OSUT" and labels.size:
        labels = _from_objects(labels, name)
    if labels.dtype == object:
        return labels
    if labels.dtype.kind not in "iu":
        hints = {"b": "; y.astype(int) makes 0 and 1 of them", "f": "; y.round() makes them whole"}
        raise DataError(
            f"{name} must be whole numbers or names of classes, found "
            f"{labels.dtype}{hints.get(labels.dtype.kind, '')}"
        )
    most: Any = labels.max(initial=0)
    if most >= 2**63:
        raise DataError(f"{name} holds {most}, far above any class")
    return labels.astype(np.int64, copy=True)


def _from_objects(labels: Array, name: str) -> Array:
    """Return an array of objects that are all names, or whole numbers.

    Raises:
        DataError: they are neither, or both.
    """
    try:
        plain = [label.decode() if isinstance(label, bytes) else label for label in labels.tolist()]
    except UnicodeDecodeError as error:
        raise DataError(f"{name} holds bytes that are not UTF-8: {error.object!r}") from error
    if all(isinstance(label, str) for label in plain):
        if any(missing := [label in MISSING for label in plain]):
            raise DataError(_without_label(name, missing))
        return np.array(plain, dtype=object)
    if all(is_whole(label) and abs(label) < 2**63 for label in plain):
        return np.array(plain, dtype=np.int64)
    kinds = " and ".join(sorted({type(label).__name__ for label in plain})[:3])
    raise DataError(
        f"{name} must be whole numbers or names of classes, found {kinds}; "
        "[str(label) for label in y] makes names of all"
    )


def _check_all_given(labels: Array, name: str) -> None:
    """Refuse missing labels: None, NaN, or pandas's NA."""
    if labels.dtype.kind == "f":
        missing = ~np.isfinite(labels)
    elif labels.dtype.kind == "O":
        kinds = ("NoneType", "NAType", "NaTType")
        missing = np.array(
            [type(y).__name__ in kinds or (isinstance(y, float) and y != y) for y in labels], bool
        )
    else:
        return
    if missing.any():
        raise DataError(_without_label(name, missing.tolist()))


def _without_label(name: str, missing: list[bool]) -> str:
    return (
        f"{name} has no label for {sum(missing):,} pictures, the first is picture "
        f"{missing.index(True)}; leave these pictures out of both, as with x[known], y[known]"
    )


def _columns(labels: Any) -> int:
    """Return how many columns one-hot rows have, one for each class."""
    shape: Any = getattr(labels, "shape", ())
    has_names = hasattr(labels, "columns")
    return int(shape[1]) if len(shape) == 2 and shape[0] > 1 and not has_names else 0


def _from_rows(rows: Array, name: str, columns: Any) -> Array:
    """Return the labels of one-hot rows, with the names of the columns if they have names."""
    is_one_hot = ((rows == 0) | (rows == 1)).all(axis=1) & (rows.sum(axis=1) == 1)
    if len(rows) == 1 and not is_one_hot.all():
        return rows.reshape(-1)  # a row of labels, as MATLAB keeps them
    if not is_one_hot.all():
        raise DataError(
            f"{name} must have one label a picture, found {shape_of(rows)} that are not one-hot "
            "rows; y.argmax(1) takes the largest of each"
        )
    labels: Array = rows.argmax(axis=1)
    return labels if columns is None else np.asarray(columns)[labels]


def _names_of(parts: dict[str, Array], columns: int) -> tuple[str, ...]:
    """Return the class names in train; for numbers, the names are "0", "1", … up to the largest.

    Raises:
        DataError: labels are below 0, do not start at 0, or are of a class that train does not
            have.
    """
    (first, labels), *others = parts.items()
    if labels.dtype == object:
        for name, other in others:
            if other.dtype != object and other.size:
                raise DataError(
                    f"{first} has names and {name} has numbers; give both the same, or the names "
                    "in the order of the numbers: classes=[…]"
                )
        names = tuple(sorted(set(labels)))
        return _two_or_more(names, first)
    for name, part in parts.items():
        if part.dtype != object and part.size and part.min() < 0:
            raise DataError(
                f"{name} has the label {part.min()}, and labels are counted from 0; where it "
                "means no label, leave those pictures out: x[y >= 0], y[y >= 0]"
            )
    least, most = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if least > 0 and all(part.dtype == object or 0 not in part for _, part in others):
        raise DataError(
            f"{first} has the labels {least} to {most}, and labels are counted from 0; subtract "
            f"{least} from all, or name the classes with classes=[…]"
        )
    if most >= MOST_CLASSES:
        raise DataError(f"{first} has the label {most}, far above any class")
    count = max(most + 1, columns)
    for name, part in others:
        if part.dtype != object and part.size and part.max() >= count:
            raise DataError(
                f"{name} has the label {part.max()}, and {first} has none above {most}; a network "
                "learns only the classes of train. If it is a class, name all with classes=[…]"
            )
    _warn_of_empty(labels, count, first)
    return _two_or_more(tuple(map(str, range(count))), first)


def _two_or_more(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    if len(names) == 1:
        raise DataError(
            f"all labels of {name} are {names[0]!r}, but a network needs two or more classes; "
            "add pictures of another class, or name all classes with classes=[…]"
        )
    return names


def _warn_of_empty(labels: Array, count: int, name: str) -> None:
    """Warn of the class numbers that have no picture."""
    empty = sorted(set(range(count)) - set(labels.tolist())) if labels.size else []
    if empty:
        listed = ", ".join(map(str, empty[:5])) + ", …" * (len(empty) > 5)
        warn(
            f"{name} has no picture of {len(empty):,} of the {count:,} classes: {listed}; "
            "if that is meant, name all with classes=[…], or else y.astype(str) counts only the "
            "classes that are there",
        )


def _numbers(labels: Array, name: str, names: tuple[str, ...]) -> Tensor:
    if labels.dtype != object:
        return torch.from_numpy(labels)
    numbers = {label: number for number, label in enumerate(names)}
    unknown = [(index, label) for index, label in enumerate(labels) if label not in numbers]
    if unknown:
        index, label = unknown[0]
        raise DataError(
            f"label {str(label)!r} of image {index} in {name} is not one of the classes "
            f"{', '.join(map(str, names[:10]))}{', …' * (len(names) > 10)} "
            f"({len(unknown)} labels are wrong)"
        )
    return torch.tensor([numbers[label] for label in labels], dtype=torch.int64)
