"""Configuration is values: frozen dataclasses that refuse nonsense and travel as JSON.

A subclass of `Value` is a frozen dataclass whose annotations say what is allowed::

    @dataclass(frozen=True)
    class Crop(Value):
        padding: Annotated[int, Range(1, 16)] = 4

Equality, hash and `repr` come from `dataclasses`; this module adds the checking of every field
at construction (one error lists all that is wrong), `replace`, and the way to JSON and back.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    Self,
    TypeGuard,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from cifarkit.errors import RecipeError

__all__ = ["Range", "Value", "from_json", "is_whole"]


@dataclass(frozen=True, eq=False, repr=False)
class Range:
    """The numbers from `least` to `most`, ends included unless `open` holds `"("` or `")"`.

    >>> print(Range(0, 1, open=")"))
    0 <= value < 1
    """

    least: float
    most: float
    open: Literal["", "(", ")", "()"] = ""

    def __contains__(self, value: float) -> bool:
        above = value > self.least if "(" in self.open else value >= self.least
        below = value < self.most if ")" in self.open else value <= self.most
        return above and below  # both are false for NaN

    def __str__(self) -> str:
        left = "<" if "(" in self.open else "<="
        right = "<" if ")" in self.open else "<="
        return f"{self.least:.10g} {left} value {right} {self.most:.10g}"


ALL = Range(-sys.float_info.max, sys.float_info.max)


def is_whole(value: Any) -> TypeGuard[int]:
    """Tell whether something is a whole number, of Python's or NumPy's.

    True and False are whole numbers to Python; here they are a slip of the pen.

    >>> is_whole(3), is_whole(3.0), is_whole(True)
    (True, False, False)
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


K = TypeVar("K")


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """A value does not fit; the text says what would."""


def _fitted(value: Any, hint: Any) -> Any:
    """Return the value as the annotation `hint` wants it, or raise `_Refused`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _fitted_number(value, *arguments)
    if origin is Literal:
        if isinstance(value, str) and value in arguments:
            return arguments[arguments.index(value)]  # a NumPy string becomes a plain one
        raise _Refused(f"one of {', '.join(map(repr, arguments))}")
    if origin is tuple:
        return _fitted_tuple(value, arguments)
    if origin in (Union, UnionType):
        if value is None and NoneType in arguments:
            return None
        return _fitted_one_of(value, [one for one in arguments if one is not NoneType])
    if hint is bool:
        if isinstance(value, bool):
            return value
        raise _Refused("True or False")
    if hint in (int, float):
        return _fitted_number(value, hint)
    if hint is Any:
        return value
    if not isinstance(hint, type):
        raise RecipeError(
            f"values cannot be checked by the annotation {hint}; write bool, int, float, str, "
            "Annotated[float, Range(0, 1)], Literal, tuple, a class of values, or X | None"
        )
    if isinstance(value, hint):
        return value
    known = ", ".join(sorted(kind.__name__ for kind in _kinds(Value) if hint in kind.__mro__[1:]))
    raise _Refused(f"a value of type {hint.__name__}" + (f", such as {known}" if known else ""))


def _fitted_number(value: Any, kind: type, allowed: Range | None = None) -> Any:
    expected = "a whole number" if kind is int else "a number" if allowed else "a finite number"
    expected += "" if allowed is None else f", {allowed}"
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (is_whole(value) if kind is int else is_real) or value not in (allowed or ALL):
        raise _Refused(expected)
    fitted = kind(value)  # a NumPy scalar becomes a plain number, so that repr() is Python
    if fitted not in (allowed or ALL):  # it was rounded to an end that is open
        raise _Refused(expected)
    return fitted


def _fitted_one_of(value: Any, hints: Sequence[Any]) -> Any:
    refusals = []
    for hint in hints:
        try:
            return _fitted(value, hint)
        except _Refused as refused:
            refusals.append(str(refused))
    raise _Refused(" or ".join(refusals))


def _fitted_tuple(value: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, tuple | list):
        raise _Refused(f"a tuple, such as ({value!r},)" if isinstance(value, Value) else "a tuple")
    if arguments[-1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    if len(value) != len(arguments):
        raise _Refused(f"a tuple of {len(arguments)}")
    try:
        return tuple(_fitted(item, hint) for item, hint in zip(value, arguments, strict=True))
    except _Refused as refused:
        raise _Refused(f"a tuple, each item {refused}") from None


@dataclass(frozen=True)
class Value:
    """A frozen dataclass whose fields are checked against their annotations.

    Raises:
        RecipeError: a field does not fit; the message lists every such field.
    """

    def __post_init__(self) -> None:
        hints, problems = _hints(type(self)), []
        for field in dataclasses.fields(self):
            found = getattr(self, field.name)
            try:
                fitted = _fitted(found, hints[field.name])
            except _Refused as allowed:
                problems.append(f"{field.name}={_short(found)}: allowed is {allowed}")
            else:
                object.__setattr__(self, field.name, fitted)
        if problems:
            name = type(self).__name__
            raise RecipeError("\n  ".join([f"{name} cannot be made of these values:", *problems]))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed.

        Raises:
            RecipeError: a field is unknown or its value is not allowed.
        """
        known = [field.name for field in dataclasses.fields(self)]
        unknown = [name for name in changes if name not in known]
        if unknown:
            inner = "".join(
                f"; {name} belongs to {owner}: {owner}={type(value).__name__}({name}=…)"
                for name in unknown
                for owner, value in vars(self).items()
                if isinstance(value, Value) and name in vars(value)
            )
            raise RecipeError(
                f"{type(self).__name__} has no field {', '.join(map(repr, unknown))}{inner}; "
                f"its fields are {', '.join(known)}"
            )
        return dataclasses.replace(self, **changes)

    def differs_from(self, other: Value) -> dict[str, tuple[Any, Any]]:
        """Name the fields that differ from a value of the same kind: `{field: (theirs, ours)}`.

        Raises:
            RecipeError: the other is of another kind.
        """
        if type(other) is not type(self):
            raise RecipeError(
                f"only values of one kind can be compared by their fields, found "
                f"{type(self).__name__} and {type(other).__name__}"
            )
        pairs = {
            field.name: (getattr(other, field.name), getattr(self, field.name))
            for field in dataclasses.fields(self)
        }
        return {name: (theirs, ours) for name, (theirs, ours) in pairs.items() if theirs != ours}

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types, under the name of the class in `"kind"`.

        Raises:
            RecipeError: cifarkit has another class of that name, which would be read in its place.
        """
        name = type(self).__name__
        meant = _kinds_by_name()[name]
        if meant is not type(self) and _is_cifarkits(meant):
            raise RecipeError(
                f"the class {type(self).__module__}.{name} cannot be written down: cifarkit has a "
                f"{name} too, which would be read in its place; give yours another name"
            )
        fields = {
            field.name: _to_json(getattr(self, field.name)) for field in dataclasses.fields(self)
        }
        return {"kind": name, **fields}


def from_json(document: Any) -> Any:
    """Return the value that `Value.to_json` wrote.

    Raises:
        RecipeError: the kind is unknown (a class of yours must be defined first), or a field
            does not fit.
    """
    if isinstance(document, list):
        return tuple(from_json(item) for item in document)
    if not isinstance(document, dict):
        return document
    fields = {name: from_json(item) for name, item in document.items() if name != "kind"}
    kinds = _kinds_by_name()
    kind: type[Value] | None = kinds.get(str(document.get("kind")))
    if kind is None:
        raise RecipeError(
            f"unknown kind {document.get('kind')!r}; known are {', '.join(sorted(kinds))}. "
            "If it is a class of yours, import the file that defines it first"
        )
    try:
        return kind(**fields)
    except TypeError as error:
        raise RecipeError(f"{document.get('kind')} does not fit this version: {error}") from error


def _to_json(item: Any) -> Any:
    if isinstance(item, Value):
        return item.to_json()
    if isinstance(item, tuple):
        return [_to_json(part) for part in item]
    return item


def _hints(kind: type[Value]) -> dict[str, Any]:
    try:
        return get_type_hints(kind, include_extras=True)
    except NameError as error:  # of a class that is defined inside a function
        raise RecipeError(
            f"the annotations of {kind.__name__} cannot be read: {error}; define what they name at "
            "the top of the file"
        ) from error


def _kinds_by_name() -> dict[str, type[Value]]:
    """Return every class of values by its name; of two, cifarkit's own, or the newest."""
    kinds = sorted(_kinds(Value), key=_is_cifarkits)
    return {kind.__name__: kind for kind in kinds}


def _is_cifarkits(kind: type[Value]) -> bool:
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def _kinds(base: type[K]) -> Iterator[type[K]]:
    """Every class below `base`: the classes themselves are the list, so none is kept by hand."""
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


def _short(found: Any) -> str:
    try:
        text = repr(found)
    except ValueError:  # Python refuses to print whole numbers of thousands of digits
        return "a number too long to print"
    if isinstance(found, float) and not math.isfinite(found):
        return f"float({str(found)!r})"
    return text if len(text) <= 60 else text[:57] + "..."
