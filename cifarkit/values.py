"""Configuration as values: frozen dataclasses that check their fields and convert to JSON.

A subclass of `Value` is a frozen dataclass whose annotations say what is allowed::

    @dataclass(frozen=True)
    class Crop(Value):
        padding: Annotated[int, Range(1, 16)] = 4

Equality, hash and `repr` come from `dataclasses`; this module checks every field at construction
(one error lists all faults), and adds `replace` and conversion to JSON and back.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast, get_type_hints

from cifarkit.annotations import Mismatch, all_subclasses, coerced
from cifarkit.blocks import as_html
from cifarkit.errors import RecipeError, UnknownArgumentError, UnknownFieldError
from cifarkit.guidance import CheckedConstruction, as_written, way_for
from cifarkit.synonyms import SYNONYMS
from cifarkit.tables import Table

__all__ = ["Value", "check_fields", "coerced_fields", "from_json", "written"]


class _CheckedFields(CheckedConstruction):
    def check_construction(
        cls,  # noqa: N805  (of a metaclass)
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        *,
        error: type[UnknownArgumentError] = UnknownFieldError,
    ) -> None:
        if not any(each.kind is each.VAR_KEYWORD for each in _parameters(cls)):
            check_fields(cls.__name__, keywords, cast(type[Value], cls))
        super().check_construction(arguments, keywords, error=error)


@dataclass(frozen=True)
class Value(metaclass=_CheckedFields):
    """A frozen dataclass whose fields are checked against their annotations.

    Raises:
        RecipeError: a field does not fit; the message lists every such field.

    >>> @dataclass(frozen=True)
    ... class Zoom(Value):
    ...     factor: float = 2.0
    >>> Zoom().replace(factor=3)
    Zoom(factor=3.0)
    >>> Zoom("much")
    Traceback (most recent call last):
    ...
    cifarkit.errors.RecipeError: Zoom cannot be made of these values:
      factor='much': allowed is a number
    """

    def __post_init__(self) -> None:
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name, fit in coerced_fields(type(self).__name__, given, _hints(type(self))).items():
            object.__setattr__(self, name, fit)

    in_place_of_code: ClassVar[str] = ""  # what to write instead of a function; "" allows none

    @classmethod
    def taken_from(cls, found: Any) -> Value | None:
        """Return the value of this kind that something else stands for, such as a class or a name.

        A class without required settings stands for its defaults, and so does its name.

        Args:
            found: what was given instead of a value.

        Returns:
            The value; None where no single value is meant.

        Raises:
            Mismatch: it stands for no value; the text says what to write.
        """
        kind = found
        if isinstance(found, str):
            named = {name.lower(): kind for name, kind in _kinds_by_name().items()}
            kind = named.get("".join(letter for letter in found.lower() if letter.isalnum()))
        is_kind = isinstance(kind, type) and issubclass(kind, cls) and not inspect.isabstract(kind)
        if is_kind and not any(_is_needed(field) for field in dataclasses.fields(kind)):
            return cast(Value, kind())
        if callable(found) and cls.in_place_of_code:
            name = getattr(found, "__name__", type(found).__name__)
            raise Mismatch(cls.in_place_of_code.format(name=name))
        return None

    def _repr_html_(self) -> str:
        rows = [(name, repr(value)) for name, value in self._arguments().items()]
        table = [Table(("field", "value"), rows, align="l")] if rows else []
        return as_html(type(self).__name__, *table)

    def _arguments(self) -> dict[str, Any]:
        """Return the arguments that make this value, by name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def _call(self, texts: Mapping[str, str]) -> str:
        """Return the source of a call of the class with these arguments, `{name: text}`."""
        return (
            f"{type(self).__name__}({', '.join(f'{name}={text}' for name, text in texts.items())})"
        )

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed.

        Raises:
            RecipeError: a field is unknown or its value is not allowed.
        """
        check_fields(type(self).__name__, changes, self)
        return dataclasses.replace(self, **changes)

    def differs_from(self, other: Value) -> dict[str, tuple[Any, Any]]:
        """Return the fields that differ from a value of the same kind: `{field: (theirs, ours)}`.

        Raises:
            RecipeError: the other is of another kind.
        """
        if type(other) is not type(self):
            raise RecipeError(
                "only values of the same kind can be compared by their fields, found "
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
            RecipeError: cifarkit has another class of the same name, which would be loaded instead.
        """
        name = type(self).__name__
        meant = _kinds_by_name().get(name, type(self))
        if meant is not type(self) and _is_cifarkits(meant):
            raise RecipeError(
                f"the class {type(self).__module__}.{name} cannot be saved: cifarkit has a "
                f"{name}, too, which would be loaded instead; give yours another name"
            )
        return {"kind": name} | {key: _to_json(item) for key, item in self._arguments().items()}


def coerced_fields(
    owner: str, given: Mapping[str, Any], hints: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the fields of a value, converted to their annotations.

    Args:
        owner: the name of the value's class, for the message.
        given: `{name: value}`.
        hints: `{name: annotation}`.

    Raises:
        RecipeError: a field does not fit; the message lists every such field.

    >>> coerced_fields("Zoom", {"factor": 2}, {"factor": float})
    {'factor': 2.0}
    """
    fields, problems = {}, []
    for name, value in given.items():
        try:
            fields[name] = coerced(value, hints[name])
        except Mismatch as allowed:
            problems.append(f"{name}={_short(value)}: allowed is {allowed}")
    if problems:
        raise RecipeError("\n  ".join([f"{owner} cannot be made of these values:", *problems]))
    return fields


def check_fields(
    callee: str,
    given: Mapping[str, Any],
    value: Value | type[Value],
    *,
    beside: Callable[..., Any] | None = None,
) -> None:
    """Refuse fields that a value does not have, and suggest what to write.

    Args:
        callee: the function or class that was called, for the message.
        given: `{name: value}`.
        value: the value that should have these fields, or its class.
        beside: the function that was called, which also takes other arguments by name.

    Raises:
        UnknownFieldError: the value lacks a field; the message names all such fields.
    """
    fields = dataclasses.fields(value)
    known = [field.name for field in fields]
    unknown = {name: item for name, item in given.items() if name not in known}
    if not unknown:
        return
    ways = []
    for field in fields:
        owner = getattr(value, field.name, None)
        if not isinstance(owner, Value):
            continue
        theirs = owner._arguments()
        inner = {name: SYNONYMS.get(name, name) for name in unknown}
        inner = {name: ours for name, ours in inner.items() if ours in theirs and ours not in known}
        if inner:
            changes = {ours: as_written(ours, unknown.pop(name)) for name, ours in inner.items()}
            words = " and ".join(f"{name}=" for name in inner)
            ways.append(f"{callee} takes no {words}: write {field.name}={written(owner, changes)}")
    parameters = inspect.signature(beside).parameters if beside is not None else {}
    names = [*known, *(name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY)]
    ways += [
        f"{callee} takes no {name}=: {way_for(callee, name, item, names)}"
        for name, item in unknown.items()
    ]
    raise UnknownFieldError("\n  ".join(ways))


def from_json(document: Any) -> Any:
    """Return the value that `Value.to_json` wrote.

    Raises:
        RecipeError: the kind is unknown (your own class must be defined first), or a field
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
            "If it is your own class, import the file that defines it first"
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
    except NameError as error:  # an annotation may name a class that is defined inside a function
        raise RecipeError(
            f"the annotations of {kind.__name__} cannot be read: {error}; define what they name at "
            "the top of the file, and import it outside of `if TYPE_CHECKING`"
        ) from error


def _kinds_by_name() -> dict[str, type[Value]]:
    """Return every class of values by its name; of several, cifarkit's class, or the newest."""
    kinds = sorted(all_subclasses(Value), key=_is_cifarkits)
    return {kind.__name__: kind for kind in kinds}


def _parameters(kind: Any) -> Iterable[inspect.Parameter]:
    return inspect.signature(kind).parameters.values()


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def _is_cifarkits(kind: type[Value]) -> bool:
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def written(value: Value, changes: Mapping[str, str] | None = None) -> str:
    """Write a value as a script would, with some fields replaced; leave out defaults."""
    defaults = {field.name: field.default for field in dataclasses.fields(value)}
    texts = {
        name: _short(item)
        for name, item in value._arguments().items()
        if item != defaults.get(name, dataclasses.MISSING)
    }
    home = "ck." if _is_cifarkits(type(value)) else ""
    return home + value._call(texts | dict(changes or {}))


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print whole numbers of thousands of digits
        return "a number too long to print"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."
