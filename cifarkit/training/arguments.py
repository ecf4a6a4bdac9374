"""Refusing numbers that no callback can use, where they are written."""

from __future__ import annotations

import numbers
from typing import Any

from cifarkit.annotations import Range, is_whole
from cifarkit.errors import TrainingError

__all__ = ["checked_number", "checked_whole"]


def checked_number(name: str, value: Any, allowed: Range) -> float:
    """Return a number as a plain float.

    Raises:
        TrainingError: it is no number, or not in the range.

    >>> checked_number("alpha", 1, Range(0, 100))
    1.0
    """
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or float(value) not in allowed:
        raise TrainingError(f"{name} must be a number, {allowed}; found {value!r}")
    return float(value)


def checked_whole(name: str, value: Any, least: int) -> int:
    """Return a whole number as a plain int.

    Raises:
        TrainingError: it is no whole number, or below the least.

    >>> checked_whole("patience", 3, least=1)
    3
    """
    if not is_whole(value) or value < least:
        raise TrainingError(f"{name} must be a whole number from {least} on, found {value!r}")
    return int(value)
