"""Hash the code that a network comes from: the same code gives the same hash."""

from __future__ import annotations

import ast
import dis
import functools
import hashlib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from cifarkit.models.user_code import is_user_code

__all__ = ["code_digest", "printed"]

PLAIN = (bool, int, float, complex, str, bytes, type(None))
METHODS = (FunctionType, staticmethod, classmethod, property)
Opened = tuple[str, list[Any]]


def code_digest(*things: Any) -> str:
    """Return a hash of functions, classes and values, and of all that they use.

    It follows the names in a function, its defaults and its closure, and then the names in what
    they stand for, down to numbers and texts. Code from cifarkit or another installed package
    counts only by its name, because it has a version. Decorators that return the function or class
    itself do not count, because their arguments (a name, a recipe) are not part of the network.
    Relative imports inside a function are not seen.

    Args:
        things: such as a builder, which is always read in full, and its options.

    Returns:
        16 hexadecimal digits.

    >>> def small(*, num_classes=10): ...
    >>> def large(*, num_classes=10): return 1
    >>> code_digest(small) == code_digest(small), code_digest(small) == code_digest(large)
    (True, False)
    """
    digest = hashlib.sha256()
    for text in _texts(things):
        digest.update(text.encode("utf-8", "backslashreplace") + b"\0")
    return digest.hexdigest()[:16]


def printed(thing: Any) -> str:
    """Return the repr of an object without its memory address, which changes each time.

    >>> printed(printed)
    'cifarkit.models.code.printed'
    """
    if isinstance(thing, FunctionType | type):
        return f"{thing.__module__}.{thing.__qualname__}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(thing))


def _texts(things: tuple[Any, ...]) -> Iterator[str]:
    """Yield a text for each object that is reached, once."""
    roots, waiting = set(map(id, things)), list(reversed(things))
    reached: dict[int, Any] = {}  # kept alive, so that no other object can get the same id
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, PLAIN):
            yield repr(thing)
        elif id(thing) in reached:
            yield "again"
        else:
            reached[id(thing)] = thing
            text, parts = _opened(thing, is_root=id(thing) in roots)
            yield f"{text} {len(parts)}"
            waiting += reversed(parts)


def _opened(thing: Any, *, is_root: bool) -> Opened:
    """Return a short text for an object, and its parts."""
    if isinstance(thing, functools.partial):
        return "partial", [thing.func, thing.args, thing.keywords]
    if isinstance(thing, MethodType):
        return "method", [thing.__func__, thing.__self__]
    if isinstance(thing, FunctionType | type):
        if is_root or is_user_code(thing):
            name = thing.__qualname__ if isinstance(thing, type) else ""  # what it is built as
            return name + _source(thing), list(_used(thing))
        return f"{thing.__module__}.{thing.__qualname__}", []
    if isinstance(thing, ModuleType):
        return thing.__name__, []
    if _has(thing, "__wrapped__"):  # such as the result of functools.lru_cache
        return type(thing).__name__, [thing.__wrapped__]
    return _value(thing)


def _value(thing: Any) -> Opened:
    """Open a container, an array, or an instance of a class."""
    kind = type(thing).__name__
    if isinstance(thing, Mapping):
        return kind, [part for item in thing.items() for part in item]
    if isinstance(thing, set | frozenset):
        return kind, sorted(thing, key=repr)
    if isinstance(thing, list | tuple):
        return kind, list(thing)
    if _has(thing, "dtype") and _has(thing, "shape"):
        return f"{kind} {thing.dtype} {tuple(thing.shape)}", [_numbers(thing)]
    if _has(thing, "__dict__"):
        return kind, [type(thing), vars(thing)]
    return re.sub(r"0x[0-9a-fA-F]+", "", repr(thing)), []


def _has(thing: Any, name: str) -> bool:
    # Not by getattr: lazy objects return anything, load something, or raise.
    return inspect.getattr_static(thing, name, None) is not None


def _numbers(array: Any) -> Any:
    """Return the numbers of an array or a tensor, as bytes or as a list."""
    if _has(array, "tobytes"):
        return array.tobytes()
    wrong = (AttributeError, TypeError, RuntimeError)  # such as when it is not a tensor
    with suppress(*wrong):
        array = array.detach().cpu().to_dense()
        return array.numpy().tobytes()
    with suppress(*wrong):  # NumPy has no bfloat16
        return array.tolist()
    return printed(array)


def _source(thing: Any) -> str:
    """Return the lines of a function or class without its decorators."""
    with suppress(OSError, TypeError, SyntaxError):  # typed into a prompt, part of an expression
        # For a function take its code, because inspect would follow a wrapper to the function
        # inside.
        text = textwrap.dedent(inspect.getsource(getattr(thing, "__code__", thing)))
        node = ast.parse(text).body[0]
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            # From the line of the def on: the decorators stand before it.
            return "\n".join(line.rstrip() for line in text.splitlines()[node.lineno - 1 :])
    return "".join(
        f"{code.co_code!r}{code.co_names}{code.co_varnames}{_without_code(code.co_consts)}"
        for code, _ in _codes(thing)
    )


def _without_code(constants: tuple[Any, ...]) -> str:
    # The repr of a code object holds its address, and the order of a set differs between processes.
    plain = [value for value in constants if not isinstance(value, CodeType)]
    return repr([sorted(map(repr, x)) if isinstance(x, frozenset) else x for x in plain])


def _functions(thing: Any) -> list[FunctionType]:
    """Return a function itself, or the methods of a class."""
    members = vars(thing).values() if isinstance(thing, type) else [thing]
    return [
        function
        for member in members
        for function in (member, getattr(member, "__func__", None), getattr(member, "fget", None))
        if isinstance(function, FunctionType)
    ]


def _codes(thing: Any) -> Iterator[tuple[CodeType, dict[str, Any]]]:
    """Yield the compiled bodies of a function, or of a class's methods, nested ones too.

    Each comes with its module's names: a method may come from another module than its class.
    """
    waiting = [(function.__code__, function.__globals__) for function in _functions(thing)]
    while waiting:
        code, world = waiting.pop()
        yield code, world
        waiting += [(inner, world) for inner in code.co_consts if isinstance(inner, CodeType)]


def _used(thing: Any) -> Iterator[Any]:
    """Yield the names that a function or class uses, with their values."""
    if isinstance(thing, type):
        yield from thing.__bases__
        for name, value in vars(thing).items():
            if not name.startswith("__") and not isinstance(value, METHODS):
                yield from (name, value)
    for function in _functions(thing):
        yield from (function.__defaults__, function.__kwdefaults__)
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            with suppress(ValueError):  # a name that has no value yet
                yield from (name, cell.cell_contents)
    for code, world in _codes(thing):
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and step.argval in world:
                yield from _named(step.argval, world[step.argval], set(code.co_names))
            elif step.opname == "IMPORT_NAME" and step.argval in sys.modules:
                yield from _named(step.argval, sys.modules[step.argval], set(code.co_names))


def _named(name: str, value: Any, attributes: set[str]) -> Iterator[Any]:
    """Yield a name and its value, and what the code uses of a user's module."""
    yield from (name, value)
    if isinstance(value, ModuleType) and is_user_code(value):
        for inner in sorted(attributes & vars(value).keys()):
            if vars(value)[inner] is not value:
                yield from _named(inner, vars(value)[inner], attributes - {inner})
