"""Check builders and their names before they are registered."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cifarkit.errors import ModelContractError, ModelNameError
from cifarkit.models.variant import factory_hint, source_of
from cifarkit.recipes.recipe import Recipe

__all__ = [
    "check_arguments",
    "check_builder",
    "check_name",
    "default_name",
    "first_line",
    "is_name",
    "is_same",
    "plain_name",
]

NAME = r"[a-z][a-z0-9]*([-_][a-z0-9]+)*"
LONGEST_NAME = 64  # run folders carry the name, and file systems stop at 255 bytes


def check_name(name: object) -> None:
    """Raise a `ModelNameError` for a name that some systems do not allow in a folder's name."""
    if not is_name(name):
        shown = repr(name) if len(repr(name)) <= 80 else repr(name)[:77] + "..."
        raise ModelNameError(
            f"{shown} cannot be a model's name; allowed are small letters and digits, in words "
            f"joined by - or _, starting with a letter, {LONGEST_NAME} at most: 'my_model-2'"
        )


def is_name(name: object) -> bool:
    """Return whether something can be a model's name."""
    is_text = isinstance(name, str) and len(name) <= LONGEST_NAME
    return is_text and re.fullmatch(NAME, str(name)) is not None


def default_name(builder: object) -> str:
    """Return the name of a function or class, in small letters.

    >>> class SmallNet: ...
    >>> default_name(SmallNet)
    'small_net'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain_name(builder)).lower()


def plain_name(builder: object) -> str:
    """Return the name that a function or class has in its source."""
    plain = builder.func if isinstance(builder, partial) else builder
    name: str = getattr(plain, "__name__", type(plain).__name__)
    return name


def check_arguments(name: str, recipe: object, summary: object, options: object) -> None:
    """Raise a `ModelContractError` for an argument that a registration cannot take."""
    for argument, value, kind, example in (
        ("recipe", recipe, Recipe, "a Recipe, such as ck.Recipe(epochs=20)"),
        ("summary", summary, str, "one line of text"),
        ("options", options, Mapping, 'a dict, such as {"width": 64}'),
    ):
        if value is not None and not isinstance(value, kind):
            raise ModelContractError(f"{argument} of {name!r} must be {example}, found {value!r}")


def check_builder(name: str, builder: object, options: Mapping[str, Any]) -> None:
    """Raise a `ModelContractError` for something that cannot be called as a builder."""
    if not callable(builder):
        raise ModelContractError(f"the builder of {name!r} must be callable, found {builder!r}")
    if isinstance(getattr(type(builder), "model", None), property):  # such as a run
        raise ModelContractError(
            f"the builder of {name!r} must build a fresh network at each call, found {builder!r}, "
            "which has one already; pass its .model, or the name of its variant"
        )
    if hasattr(builder, "state_dict") and not inspect.isclass(builder):
        raise ModelContractError(
            f"the builder of {name!r} must build a fresh network at each call, found a network, "
            f"a {type(builder).__name__}; register the function or class that makes it"
        )
    try:
        inspect.signature(builder).bind(num_classes=10, **options)
    except (TypeError, ValueError) as error:
        given = [f"{key}={value!r}" for key, value in options.items()]
        wanted = ", ".join(["num_classes=10", *given])
        raise ModelContractError(
            f"the builder of {name!r} ({source_of(builder)}) cannot be called with ({wanted}): "
            f"{error}. {factory_hint(builder)}"
        ) from None


def is_same(known: Callable[..., Any], builder: Callable[..., Any]) -> bool:
    """Return whether this is the same function, defined again."""
    if known is builder:
        return True
    if isinstance(known, partial) and isinstance(builder, partial):
        bound = [(part.args, part.keywords) for part in (known, builder)]
        return is_same(known.func, builder.func) and bound[0] == bound[1]
    names = [
        (getattr(function, "__module__", None), getattr(function, "__qualname__", None))
        for function in (known, builder)
    ]
    # Every lambda has the same name; a function inside another keeps its name from call to call.
    named = names[0][1] is not None and "<" not in names[0][1].replace("<locals>", "")
    return named and names[0] == names[1]


def first_line(builder: object) -> str:
    """Return the first line of a builder's docstring."""
    plain = builder.func if isinstance(builder, partial) else builder
    # Not inspect.getdoc: a class without a docstring would get that of nn.Module.
    return inspect.cleandoc(getattr(plain, "__doc__", None) or "").partition("\n")[0]
