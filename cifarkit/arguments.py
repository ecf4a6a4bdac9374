"""Refuse an argument that does not fit, at the call."""

from __future__ import annotations

import math
from typing import Annotated, Any

from cifarkit.annotations import Mismatch, Range, coerced
from cifarkit.errors import CifarkitError, DataError

__all__ = ["Count", "Seed", "checked"]

Seed = Annotated[int, Range(0, 2**63 - 1)]
Count = Annotated[int, Range(1, math.inf)]


def checked(name: str, value: Any, allowed: Any, *, error: type[CifarkitError] = DataError) -> Any:
    """Return an argument as plain Python; refuse it where it does not fit.

    Args:
        name: the argument's name.
        value: the argument's value.
        allowed: an annotation, as the fields of values have (see `cifarkit.annotations`); a range
            allows the numbers in it.
        error: what to raise when the value does not fit.

    >>> from cifarkit.errors import TrainingError
    >>> checked("alpha", 1, Range(0, 100))
    1.0
    >>> checked("patience", 0, Count, error=TrainingError)
    Traceback (most recent call last):
    ...
    cifarkit.errors.TrainingError: patience must be a whole number, value >= 1; found 0
    >>> checked("download", "no", bool, error=TrainingError)
    Traceback (most recent call last):
    ...
    cifarkit.errors.TrainingError: download must be True or False; found 'no'
    """
    annotation = Annotated[float, allowed] if isinstance(allowed, Range) else allowed
    try:
        return coerced(value, annotation)
    except Mismatch as fitting:
        raise error(f"{name} must be {fitting}; found {value!r}") from None
