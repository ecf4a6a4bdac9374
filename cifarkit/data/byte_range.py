"""Find the numbers that mean black and white in arrays, and scale arrays to bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cifarkit.errors import DataError

__all__ = ["BYTES", "RANGES", "no_fractions", "to_byte_range", "find_ranges"]

Array = np.ndarray[Any, Any]
Range = tuple[int, int]
BYTES: Range = (0, 255)
RANGES = {(0, 1): (0, 255), (-1, 1): (1, 127.5), BYTES: (0, 1)}  # what is added, and the scale


def find_ranges(arrays: Mapping[str, Iterable[Array]]) -> dict[str, Range]:
    """Return the numbers that mean black and white in each array; all fractions share one range.

    An array of bright pictures only would otherwise seem to have another range.

    Args:
        arrays: pictures under their names in messages.

    Raises:
        DataError: an array of whole numbers holds only 0 and 1, which are both nearly black.

    >>> find_ranges({"x_train": [np.array([-1.0, 0.5])], "x_test": [np.array([0.0, 1.0])]})
    {'x_train': (-1, 1), 'x_test': (-1, 1)}
    """
    least: dict[str, float] = {}
    for name, items in arrays.items():
        filled = [array for array in items if array.size]
        floats = [array for array in filled if array.dtype.kind == "f"]
        _check_shades(name, [array for array in filled if array.dtype.kind in "iu"])
        most = max((float(array.max()) for array in floats), default=BYTES[1])
        if not (most > 1 and all(map(_is_whole, floats))):
            least[name] = min(float(array.min()) for array in floats)
    fractions = (0, 1) if min(least.values(), default=0) >= 0 else (-1, 1)
    return {name: fractions if name in least else BYTES for name in arrays}


def to_byte_range(
    pixels: Array, name: str, value_range: Range | None = None, found_range: Range | None = None
) -> Array:
    """Return pixels as whole numbers from 0 to 255.

    Args:
        pixels: whole numbers 0 to 255, in floats too; fractions from 0 to 1; or fractions from -1
            to 1, some of them negative.
        name: the argument's name, for messages.
        value_range: `(0, 1)`, `(-1, 1)` or `(0, 255)`, where the user gives it.
        found_range: from `find_ranges`; when None, found from these pixels only.

    Raises:
        DataError: they are something else.

    >>> to_byte_range(np.array([0, 0.5, 1]), "x"), to_byte_range(np.array([-1.0, 1]), "x")
    (array([  0, 128, 255], dtype=uint8), array([  0, 255], dtype=uint8))
    """
    if pixels.dtype.kind not in "iuf":
        hint = "(x * 255).astype('uint8')" if pixels.dtype.kind == "b" else "x.astype('uint8')"
        raise DataError(
            f"{name} must hold whole numbers 0 to 255 or fractions 0 to 1, found {pixels.dtype}; "
            f"try {hint}"
        )
    if pixels.dtype.kind in "iu" and value_range not in (None, BYTES):
        raise DataError(no_fractions(name, str(pixels.dtype)))
    if pixels.size == 0 or pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise DataError(
            f"{name} has {int((~np.isfinite(pixels)).sum()):,} numbers that are NaN or infinite; "
            "leave their pictures out, or give them a value: numpy.nan_to_num(x)"
        )
    least, most = pixels.min(), pixels.max()
    allowed = BYTES
    if pixels.dtype.kind == "f":
        allowed = value_range or found_range or find_ranges({name: [pixels]})[name]
    if not (allowed[0] <= least and most <= allowed[1]):
        if value_range is not None:
            raise DataError(
                f"{name} must hold {value_range[0]} to {value_range[1]}, as value_range= says, "
                f"found {float(least):g} to {float(most):g}; leave it out, or give the right one"
            )
        raise DataError(_out_of_range(name, pixels, least, most))
    if pixels.dtype.kind in "iu":
        return pixels
    move, scale = RANGES[allowed]
    bytes_: Array = ((pixels.astype(np.float32) + move) * scale).round().astype(np.uint8)
    return bytes_


def no_fractions(name: str, found: str) -> str:
    """Return the message for a range that was given for whole numbers."""
    return (
        f"value_range= says which fractions are black and white, but {name} are {found}; leave "
        "it out, because whole numbers are 0 to 255"
    )


def _check_shades(name: str, arrays: list[Array]) -> None:
    least = min((int(array.min()) for array in arrays), default=0)
    most = max((int(array.max()) for array in arrays), default=0)
    if (least, most) in ((0, 1), (1, 1)):
        raise DataError(
            f"{name} must hold whole numbers 0 to 255, found only 0 and 1, which are both black; "
            "(x * 255).astype('uint8') makes black and white of them"
        )


def _is_whole(pixels: Array) -> bool:
    return bool((pixels == pixels.round()).all())


def _out_of_range(name: str, pixels: Array, least: Any, most: Any) -> str:
    found, allowed = f"{least} to {most}", "whole numbers 0 to 255"
    if pixels.dtype.kind == "f":
        found = f"{pixels.dtype} {float(least):g} to {float(most):g}"
        allowed = "whole numbers 0 to 255, or fractions 0 to 1 or -1 to 1"
    if _is_whole(pixels) and least >= 0 and 255 < most <= 65_535:
        hint = "(x // 257).astype('uint8') for 16 bits"
    elif _is_whole(pixels) and -128 <= least < -1 and most <= 127:
        hint = "(x.astype('int16') + 128).astype('uint8') where 0 is the grey in the middle"
    elif pixels.dtype.kind in "iu" or most > 255:
        hint = (
            "numpy.interp(x, (black, white), (0, 255)).round().astype('uint8') with the numbers "
            "that are black and white"
        )
    elif least >= 0:
        hint = "where 0 is black and 255 white, pass x.round().astype('uint8')"
    else:
        hint = "where torchvision's Normalize made them, leave it out: cifarkit scales pictures"
    return f"{name} must hold {allowed}, found {found}; {hint}"
