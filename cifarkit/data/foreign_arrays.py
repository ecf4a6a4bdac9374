"""Turn values that hold numbers into NumPy arrays; refuse other values with a hint."""

from __future__ import annotations

import numbers
import os
from collections.abc import Iterator, Mapping, Set
from io import IOBase
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cifarkit.errors import DataError

__all__ = ["as_numpy", "gathered"]

Array = np.ndarray[Any, Any]
NUMPYS = (torch.float16, torch.float32, torch.float64)  # torch's floats that NumPy has too


def as_numpy(array: Any, name: str) -> Array:
    """Return anything like an array as a NumPy array.

    Raises:
        DataError: it is not an array, or some of its numbers are masked.
    """
    if reason := _why_not_array(array):
        raise DataError(f"{name} is not an array: {reason}")
    try:
        if isinstance(array, list | tuple) and array and isinstance(array[0], Tensor):
            array = torch.stack(list(array))  # NumPy would take them number by number
        if isinstance(array, Tensor):
            tensor = array.detach().cpu()
            tensor = tensor.dequantize() if tensor.is_quantized else tensor.to_dense()
            is_odd = tensor.is_floating_point() and tensor.dtype not in NUMPYS
            return (tensor.float() if is_odd else tensor).numpy()
        result = np.asarray(array)
    except Exception as error:  # an __array__ may raise anything
        if isinstance(array, list | tuple):
            items = " and ".join(dict.fromkeys(_described(item) for item in array[:50]))
            raise DataError(
                f"{name} is not an array: its items are {items[:200]}, and all must be pictures, "
                "or all numbers; [x for x, _ in pairs] leaves labels out"
            ) from error
        raise DataError(
            f"{name} is not an array: {type(array).__name__} cannot become one ({error}); pass "
            f"{'x.float()' if isinstance(array, Tensor) else 'numpy.array(…) of what it holds'}"
        ) from error
    if result.dtype == object and result.ndim == 0:
        raise DataError(f"{name} is not an array: found {type(array).__name__}")
    for item in array if isinstance(array, list | tuple) else [array]:
        if isinstance(item, np.ma.MaskedArray) and np.ma.is_masked(item):
            raise DataError(
                f"{name} has {int(np.ma.getmaskarray(item).sum()):,} masked numbers, but no "
                "number can be missing; leave their pictures out, or give them a value: x.filled(0)"
            )
    return result


def _why_not_array(thing: Any) -> str:
    """Return why a value is not an array, and a hint; or an empty text."""
    if isinstance(thing, Mapping):
        first = next(iter(thing), "x")
        return f"it is a {type(thing).__name__}; pass one of its values, such as x[{first!r}]"
    if isinstance(thing, str | bytes | bytearray | os.PathLike):
        return (
            f"it is {type(thing).__name__}; numpy.load(path) reads an array, and "
            "PIL.Image.open(path) a picture"
        )
    if isinstance(thing, IOBase):
        return "it is an open file; PIL.Image.open(file) reads a picture"
    if isinstance(thing, DataLoader):
        return "it is a DataLoader; torch.cat([x for x, _ in loader]) takes only the pictures"
    if isinstance(thing, Dataset):
        return (
            f"it is a {type(thing).__name__}; ck.load_dataset makes splits of data sets, and "
            "[x for x, _ in dataset] takes only the pictures"
        )
    if isinstance(thing, torch.nn.Module):
        return "it is a network; give the network first, and then the pictures"
    if isinstance(thing, Set | Iterator):
        return f"it is a {type(thing).__name__}; list(…) makes a list of it"
    if isinstance(thing, list | tuple) and thing:
        if isinstance(thing[0], Mapping):
            return _why_not_array(thing[0]).replace("it is", "its first item is") + " of each"
        if isinstance(thing[0], tuple | list) and any(not _is_number(x) for x in thing[0]):
            kinds = [type(item) for item in thing[0]]
            if len(kinds) == 2 and kinds[0] not in (list, tuple):
                return "its first item is a pair; [x for x, _ in pairs] takes only the pictures"
    return ""


def _described(item: Any) -> str:
    shape = getattr(item, "shape", None)
    kind = type(item).__name__
    return f"{kind} {' '.join(map(str, shape))}" if shape is not None else kind


def _is_number(thing: Any) -> bool:
    return isinstance(thing, numbers.Number | np.generic)


def gathered(array: Any, name: str) -> Array | list[Any]:
    """Return one array, or a list of arrays and Pillow images of different kinds.

    Raises:
        DataError: it is neither.
    """
    is_column = getattr(getattr(array, "dtype", None), "kind", "") == "O" and array.ndim == 1
    items = list(array) if is_column or isinstance(array, list | tuple) else []
    if not items or not all(isinstance(x, Image.Image) or hasattr(x, "shape") for x in items):
        pictures = as_numpy(array, name)
        if pictures.ndim == 1 and pictures.dtype.kind in "OSUT" and pictures.size:
            raise DataError(
                f"{name} must hold pictures, found {type(pictures[0]).__name__}; "
                "[PIL.Image.open(path) for path in paths] reads files"
            )
        return pictures
    if len(items) == 2 and len(getattr(items[1], "shape", "xy")) < 2 < len(items[0].shape):
        raise DataError(f"{name} is a pair of pictures and labels; pass the first of the two")
    kinds = {type(item) if isinstance(item, Image.Image) else item.shape for item in items}
    dtypes = {str(getattr(item, "dtype", "")).removeprefix("torch.") for item in items}
    has_pictures = any(isinstance(item, Image.Image) for item in items)
    if not is_column and len(kinds) == len(dtypes) == 1 and not has_pictures:
        return as_numpy(array, name)
    return [item if isinstance(item, Image.Image) else as_numpy(item, name) for item in items]
