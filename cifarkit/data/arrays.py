"""Pictures you already have as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cifarkit.data.forms import warn_of_resizing
from cifarkit.data.image_set import ImageSet
from cifarkit.data.labels import labels_and_names
from cifarkit.data.layouts import images_of_parts
from cifarkit.data.leaks import warn_of_leaks
from cifarkit.data.splits import SHARE, Splits, complete_splits
from cifarkit.errors import DataError
from cifarkit.guidance import explains_arguments

__all__ = ["load_arrays"]


@explains_arguments("ck.load_arrays")
def load_arrays(
    x_train: Any,
    y_train: Any,
    x_test: Any,
    y_test: Any,
    *,
    classes: Sequence[str] | None = None,
    val_size: int | float = SHARE,
    split_seed: int = 0,
    x_val: Any = None,
    y_val: Any = None,
) -> Splits:
    """Make splits from NumPy arrays or tensors.

    Pictures are whole numbers 0 to 255, or fractions 0 to 1 or -1 to 1, the same in all parts. The
    layout is `n 3 h w`, `n h w 3`, grey `n h w`, `n 1 h w` or `n h w 1`, with transparency
    `n 4 h w` or `n h w 4`, `h w 3 n` as in MATLAB, or rows: `n 3072`, plane after plane as in
    CIFAR's files, and grey `n 784`. Pictures that are not RGB 32 by 32 are brought to it as picture
    files are (see `cifarkit.data.pictures`), and a warning says so.

    Args:
        x_train: the pictures to learn from.
        y_train: their labels: whole numbers `n` or `n 1`, one-hot rows `n classes`, or names.
        x_test: as `x_train`.
        y_test: as `y_train`.
        classes: the names of the classes, in the order of the labels; when None, the names among
            the labels in alphabetical order, or "0", "1", … for numbers.
        val_size: how many training images, or which share of them, become val where there is no
            `x_val`.
        split_seed: the seed of that draw.
        x_val: as `x_train`; your own val set, such as one split by patient.
        y_val: as `y_train`.

    Returns:
        The three image sets. A warning says so when more than one test picture in a hundred is a
        training picture too.

    Raises:
        DataError: a shape, type, range or label does not fit; the message names the first one.

    >>> import numpy as np
    >>> black, white = np.zeros((20, 32, 32, 3), np.uint8), np.full((9, 32, 32, 3), 255)
    >>> load_arrays(
    ...     black, np.arange(20) % 2, white, np.arange(9) % 2, classes=["cat", "dog"], val_size=4
    ... )
    Splits('arrays': train 16, val 4, test 9, 2 classes, c3d762d44543)
    """
    pairs = {"train": (x_train, y_train), "test": (x_test, y_test)}
    if (x_val is None) != (y_val is None):
        raise DataError("a val set needs its pictures and its labels: give both x_val and y_val")
    if x_val is not None:
        pairs["val"] = (x_val, y_val)
    labels, names = labels_and_names({f"y_{part}": y for part, (_, y) in pairs.items()}, classes)
    images, forms = images_of_parts(
        {f"x_{part}": x for part, (x, _) in pairs.items()},
        {f"x_{part}": len(labels[f"y_{part}"]) for part in pairs},
    )
    parts = {part: ImageSet(images[f"x_{part}"], labels[f"y_{part}"], names) for part in pairs}
    splits = complete_splits(parts, val_size=val_size, split_seed=split_seed, name="arrays")
    warn_of_resizing(forms)
    warn_of_leaks(splits, has_own_val="val" in parts)
    return splits
