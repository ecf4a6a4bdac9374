"""Suggest the loader that makes splits of a value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from torch.utils.data import DataLoader, Dataset

__all__ = ["loader_for"]


def loader_for(thing: Any) -> str:
    """Return the call that makes splits of a value, as a script would write it.

    Args:
        thing: what was given in place of splits, or of an image set.

    >>> loader_for("synthetic"), loader_for([[1.0], [0]])
    ("ck.load_data('synthetic')", 'ck.load_arrays(x_train, y_train, x_test, y_test)')
    """
    if isinstance(thing, str | os.PathLike):
        return f"ck.load_data({os.fspath(thing)!r})"
    first = thing[0] if isinstance(thing, list | tuple) and thing else thing
    is_pair = isinstance(first, list | tuple) and len(first) == 2
    if is_pair or isinstance(first, DataLoader | Dataset | Mapping):
        return "ck.load_dataset(train, test)"
    if hasattr(first, "__len__") or hasattr(first, "shape"):
        return "ck.load_arrays(x_train, y_train, x_test, y_test)"
    return "ck.load_cifar10()"
