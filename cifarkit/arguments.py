"""Refusing arguments that nobody can mean, where they are given."""

from __future__ import annotations

from typing import Annotated, Any

from cifarkit.annotations import Mismatch, Range, coerced, is_whole
from cifarkit.errors import CifarkitError, DataError

__all__ = ["check_seed", "checked_flag", "checked_number", "checked_whole"]


def checked_number(name: str, value: Any, allowed: Range, *, error: type[CifarkitError]) -> float:
    """Return a number as a plain float.

    Args:
        name: of the argument.
        value: that was given.
        allowed: the numbers it may be.
        error: what to raise when it is no number, or not one of these.

    >>> from cifarkit.errors import TrainingError
    >>> checked_number("alpha", 1, Range(0, 100), error=TrainingError)
    1.0
    """
    try:
        number: float = coerced(value, Annotated[float, allowed])
    except Mismatch as refused:
        raise error(f"{name} must be {refused}; found {value!r}") from None
    return number


def checked_whole(
    name: str, value: Any, least: int, most: int | None = None, *, error: type[CifarkitError]
) -> int:
    """Return a whole number as a plain int.

    Args:
        name: of the argument.
        value: that was given.
        least: the smallest number it may be.
        most: the largest; None for any.
        error: what to raise when it is no whole number, or not between these.

    >>> from cifarkit.errors import TrainingError
    >>> checked_whole("patience", 0, least=1, error=TrainingError)
    Traceback (most recent call last):
    ...
    cifarkit.errors.TrainingError: patience must be a whole number from 1 on, found 0
    """
    if not is_whole(value) or value < least or (most is not None and value > most):
        end = "on" if most is None else f"to {most:,}"
        raise error(f"{name} must be a whole number from {least} {end}, found {value!r}")
    return int(value)


def checked_flag(name: str, value: Any, *, error: type[CifarkitError]) -> bool:
    """Return True or False; a text such as "no" would be taken for True.

    Args:
        name: of the argument.
        value: that was given.
        error: what to raise when it is neither.

    >>> checked_flag("download", "no", error=DataError)
    Traceback (most recent call last):
    ...
    cifarkit.errors.DataError: download must be True or False, found 'no'
    """
    try:
        flag: bool = coerced(value, bool)
    except Mismatch as refused:
        raise error(f"{name} must be {refused}, found {value!r}") from None
    return flag


def check_seed(name: str, seed: Any) -> None:
    """Refuse what is not a whole number from 0 to 2**63 - 1.

    Raises:
        DataError: naming the argument and what was found.
    """
    if not is_whole(seed) or not 0 <= seed < 2**63:
        raise DataError(f"{name} must be a whole number from 0 to 2**63 - 1, found {seed!r}")
