"""Which code a network comes from, as a digest: the same code, the same digest."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import CodeType, FunctionType, ModuleType
from typing import Any

__all__ = ["code_digest", "is_own"]

INSTALLED = tuple({sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")})
CONSTANTS = (bool, int, float, complex, str, bytes, tuple, frozenset, type(None))


def code_digest(builder: Callable[..., Any]) -> str:
    """Return a digest of a builder's source and of all that it uses from the user's own files.

    Followed are the functions, classes and constants that are named in it, and those named in
    these, as far as they are not from cifarkit or another installed package: those have versions.
    Decorators are left out, because what they say (a name, a recipe) is no part of the network.
    What a function imports only as it runs is not seen.

    Args:
        builder: a function, a class, or a `functools.partial` of one.

    Returns:
        16 hexadecimal digits.

    >>> def small(*, num_classes=10): ...
    >>> def large(*, num_classes=10): return 1
    >>> code_digest(small) == code_digest(small), code_digest(small) == code_digest(large)
    (True, False)
    """
    digest = hashlib.sha256()
    if isinstance(builder, functools.partial):
        digest.update(repr((builder.args, sorted(builder.keywords.items()))).encode())
        builder = builder.func
    for text in sorted(_texts(inspect.unwrap(builder))):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:16]


def _texts(builder: Any) -> Iterator[str]:
    """Yield the source of everything that is reached, each thing once."""
    waiting, seen = [builder], {id(builder)}
    while waiting:
        thing = waiting.pop()
        yield _source(thing)
        for name, used in _used(thing):
            if isinstance(used, CONSTANTS):
                yield f"{name} = {used!r}"
            elif id(used) not in seen and is_own(used):
                seen.add(id(used))
                waiting.append(used)


def _source(thing: Any) -> str:
    """Return the lines of a function or class without its decorators."""
    try:
        text = textwrap.dedent(inspect.getsource(thing))
        node = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError):  # typed into a prompt, or part of an expression
        return "".join(f"{code.co_code!r}{_plain(code.co_consts)}" for code in _codes(thing))
    first = getattr(node, "lineno", 1) - 1  # that of the def: the decorators stand before it
    return "\n".join(line.rstrip() for line in text.splitlines()[first:])


def _plain(constants: tuple[Any, ...]) -> str:
    # The repr of a code object holds its address.
    return repr([one for one in constants if not isinstance(one, CodeType)])


def _codes(thing: Any) -> Iterator[CodeType]:
    """Yield the compiled bodies of a function, or of a class's methods, nested ones too."""
    bodies = [thing] if isinstance(thing, FunctionType) else list(vars(thing).values())
    waiting = [body.__code__ for body in bodies if isinstance(body, FunctionType)]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += [inner for inner in code.co_consts if isinstance(inner, CodeType)]


def _used(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a function or class names of the world around it, with its value."""
    if inspect.isclass(thing):
        yield from ((base.__qualname__, base) for base in thing.__bases__)
    world: Mapping[str, Any] = vars(sys.modules.get(thing.__module__, object))
    if isinstance(thing, FunctionType):
        world = thing.__globals__
        for name, cell in zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True):
            with suppress(ValueError):  # a name that has no value yet
                yield name, cell.cell_contents
    names = {name for code in _codes(thing) for name in code.co_names}
    for name in sorted(names & world.keys()):
        value = world[name]
        yield name, value
        if isinstance(value, ModuleType):
            yield from ((inner, vars(value)[inner]) for inner in names & vars(value).keys())


def is_own(thing: Any) -> bool:
    """Tell whether a function or class is from the user's own files."""
    if not isinstance(thing, FunctionType | type):
        return False
    module = sys.modules.get(thing.__module__)
    file = getattr(module, "__file__", None) or ""
    return module is not None and not (
        thing.__module__.partition(".")[0] in ("cifarkit", "builtins")
        or thing.__module__ in sys.stdlib_module_names
        or file.startswith(INSTALLED)
    )
