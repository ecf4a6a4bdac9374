"""Check values against annotations, and convert them.

It knows `bool`, `int`, `float` and `str`, `Annotated[int, Range(1, 16)]` for numbers in a range,
`Literal`, tuples, unions, `Any`, and classes.
"""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeGuard, TypeVar, Union, get_args, get_origin

from cifarkit.errors import RecipeError
from cifarkit.guidance import nearest

__all__ = ["Range", "Mismatch", "coerced", "is_whole", "all_subclasses"]

K = TypeVar("K")


@dataclass(frozen=True, eq=False, repr=False)
class Range:
    """The numbers from `least` to `most`, ends included unless `open` holds `"("` or `")"`.

    Args:
        least: the lower end.
        most: the upper end.
        open: which ends are left out: `"("` the lower, `")"` the upper, `"()"` both.

    Raises:
        RecipeError: it would hold no number, or `open` is something else.

    >>> print(Range(0, 1, open=")"))
    0 <= value < 1
    """

    least: float
    most: float
    open: Literal["", "(", ")", "()"] = ""

    def __post_init__(self) -> None:
        if self.open not in ("", "(", ")", "()"):
            raise RecipeError(f'open must be "", "(", ")" or "()", found {self.open!r}')
        if not self.least <= self.most or (self.open and self.least == self.most):
            raise RecipeError(
                f"the range {self} holds no number; give the smaller end first, and include both "
                "ends where they are equal"
            )

    def __contains__(self, value: float) -> bool:
        above = value > self.least if "(" in self.open else value >= self.least
        below = value < self.most if ")" in self.open else value <= self.most
        return above and below  # both are false for NaN

    def __str__(self) -> str:
        left = "<" if "(" in self.open else "<="
        right = "<" if ")" in self.open else "<="
        if self.most == math.inf:
            return f"value {left.replace('<', '>')} {_shown(self.least)}"
        return f"{_shown(self.least)} {left} value {right} {_shown(self.most)}"


def _shown(end: float) -> str:
    return str(end) if isinstance(end, int) else f"{end:.10g}"


class Mismatch(Exception):  # noqa: N818 - the caller turns it into an error
    """A value does not fit; the text says what is allowed."""


def is_whole(value: Any) -> TypeGuard[int]:
    """Return whether something is a whole number, of Python's or NumPy's.

    Python counts True and False as whole numbers; here they are a mistake.

    >>> is_whole(3), is_whole(3.0), is_whole(True)
    (True, False, False)
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def coerced(value: Any, hint: Any) -> Any:
    """Return a value as plain Python that fits an annotation, with tuples in place of lists.

    Raises:
        Mismatch: it does not fit.
        RecipeError: values cannot be checked by this annotation.

    >>> coerced([1, 2.0], tuple[Annotated[int, Range(0, 9)], float])
    (1, 2.0)
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _coerced_number(value, arguments[0], _range_among(arguments, hint))
    if origin is Literal:
        return _coerced_literal(value, arguments)
    if origin is tuple:
        return _coerced_tuple(value, arguments)
    if origin in (Union, UnionType):
        if value is None and NoneType in arguments:
            return None
        return _coerced_one_of(value, [one for one in arguments if one is not NoneType])
    if hint is bool:
        if isinstance(value, bool):
            return value
        raise Mismatch("True or False")
    if hint in (int, float):
        return _coerced_number(value, hint)
    if hint is Any:
        return value
    return _instance(value, hint if arguments else origin or hint, hint)


def all_subclasses(base: type[K]) -> Iterator[type[K]]:
    """Yield every subclass of `base`, direct or not, so that no list of them is written by hand."""
    for kind in base.__subclasses__():
        yield kind
        yield from all_subclasses(kind)


def _range_among(arguments: tuple[Any, ...], hint: Any) -> Range | None:
    kind, *notes = arguments
    if kind not in (int, float):
        raise _unknown(hint)
    return next((one for one in notes if isinstance(one, Range)), None)


def _coerced_number(value: Any, kind: type, allowed: Range | None = None) -> Any:
    expected = "a whole number" if kind is int else "a number"
    expected += "" if allowed is None else f", {allowed}"
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (is_whole(value) if kind is int else is_real):
        raise Mismatch(expected)
    if allowed is not None and value not in allowed:
        raise Mismatch(expected)
    try:
        number = kind(value)  # a NumPy scalar becomes a plain number, so that repr() is Python
    except OverflowError:
        raise Mismatch(expected) from None
    if allowed is not None and number not in allowed:  # rounding moved it to an open end
        raise Mismatch(expected)
    return number


def _coerced_literal(value: Any, allowed: tuple[Any, ...]) -> Any:
    for one in allowed:
        # True equals 1, but is a mistake; NumPy's strings equal plain ones, and are allowed.
        is_equal = not isinstance(value, bool) and isinstance(value, type(one)) and value == one
        if value is one or is_equal:
            return one
    raise Mismatch(f"one of {', '.join(map(repr, allowed))}")


def _coerced_one_of(value: Any, hints: Sequence[Any]) -> Any:
    refusals = []
    for hint in sorted(hints, key=lambda hint: hint is not type(value)):  # 3 stays an int
        try:
            return coerced(value, hint)
        except Mismatch as refused:
            refusals.append(str(refused))
    raise Mismatch(" or ".join(refusals))


def _coerced_tuple(value: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, tuple | list):
        if arguments[-1] is Ellipsis and hasattr(arguments[0], "taken_from"):
            return () if value is None else (coerced(value, arguments[0]),)  # none, or a single one
        raise Mismatch("a tuple")
    if arguments[-1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    if len(value) != len(arguments):
        raise Mismatch(f"a tuple of {len(arguments)}")
    try:
        return tuple(coerced(item, hint) for item, hint in zip(value, arguments, strict=True))
    except Mismatch as refused:
        raise Mismatch(f"a tuple, each item {refused}") from None


def _instance(value: Any, kind: Any, hint: Any) -> Any:
    if not isinstance(kind, type):
        raise _unknown(hint)
    if isinstance(value, kind):
        return value
    if hasattr(kind, "taken_from") and (taken := kind.taken_from(value)) is not None:
        return taken
    names: list[str] = []
    if kind.__module__ not in ("builtins", "collections.abc"):
        kinds: Iterator[type] = all_subclasses(kind)
        names = sorted(each.__name__ for each in kinds if not inspect.isabstract(each))
    known = ", ".join(names)
    if isinstance(value, str) and (close := nearest(value, names)):
        raise Mismatch(f"one of {known}; did you mean {close!r}?")
    raise Mismatch(f"a value of type {kind.__name__}" + (f", such as {known}" if known else ""))


def _unknown(hint: Any) -> RecipeError:
    return RecipeError(
        f"values cannot be checked by the annotation {hint}; write bool, int, float, str, "
        "Annotated[float, Range(0, 1)], Literal, tuple, a class of values, or X | None"
    )
