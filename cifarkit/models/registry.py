"""The registry: variants by name."""

from __future__ import annotations

import fnmatch
import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from cifarkit.arguments import checked
from cifarkit.errors import DuplicateModelError, ModelContractError, UnknownModelError
from cifarkit.guidance import explains_arguments, nearest
from cifarkit.models.builders import (
    check_arguments,
    check_builder,
    check_name,
    default_name,
    first_line,
    is_name,
    is_same,
)
from cifarkit.models.plugins import load_entry_points
from cifarkit.models.variant import Variant, source_of
from cifarkit.recipes.recipe import Recipe

if TYPE_CHECKING:  # variants are listed without torch
    from torch import nn

    from cifarkit.models.variant import Builder

__all__ = [
    "Registry",
    "create_model",
    "get_variant",
    "list_models",
    "register_model",
    "registry",
]

B = TypeVar("B", bound=Callable[..., Any])

# These modules register their variants when they are imported, as plug-ins do.
BUILT_IN = (
    "cifarkit.models.convolutional",
    "cifarkit.models.perceptrons",
    "cifarkit.models.residual",
    "cifarkit.models.speedrun",
)


class Registry(Mapping[str, Variant]):
    """Variants by name; read like a dict, filled by `register`.

    Args:
        discover: called once, before the first look-up, to fill the registry.

    >>> mine = Registry()
    >>> @mine.register("tiny", summary="one layer")
    ... def tiny(*, num_classes: int = 10):
    ...     ...
    >>> list(mine), mine["tiny"].summary
    (['tiny'], 'one layer')
    """

    def __init__(self, discover: Callable[[], None] | None = None) -> None:
        self._variants: dict[str, Variant] = {}
        self._discover = discover

    def register(
        self,
        name: str,
        *,
        recipe: Recipe | None = None,
        summary: str | None = None,
        options: Mapping[str, Any] | None = None,
        replace: bool = False,
    ) -> Callable[[B], B]:
        """Return a decorator that registers a builder; see `register_model`."""
        check_name(name)
        check_arguments(name, recipe, summary, options)
        checked(f"replace of {name!r}", replace, bool, error=ModelContractError)

        def decorate(builder: B) -> B:
            self._fill()  # a clash with a built-in must show here, not at the first look-up
            check_builder(name, builder, options or {})
            known = self._variants.get(name)
            if known is not None and not replace and not is_same(known.builder, builder):
                raise DuplicateModelError(
                    f"{name!r} is already {known.source}; {source_of(builder)} needs another "
                    f"name, or @register_model({name!r}, replace=True)"
                )
            text = summary if summary is not None else first_line(builder)
            chosen = dict(options or {})
            self._variants[name] = Variant(name, builder, chosen, recipe or Recipe(), text)
            return builder

        return decorate

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Undo every registration made in the block when it raises."""
        self._fill()  # else variants that are discovered in the block would be undone, too
        before = dict(self._variants)
        try:
            yield
        except BaseException:
            self._variants = before
            raise

    def __getitem__(self, name: str) -> Variant:
        """Return the variant of that name.

        Raises:
            UnknownModelError: there is none; the message has the nearest match and the list.
        """
        self._fill()
        try:
            return self._variants[name]
        except (KeyError, TypeError):
            raise UnknownModelError(self._unknown(name)) from None

    def variant_of(self, builder: Builder) -> Variant:
        """Return the variant of a registered builder, or a new variant with the builder's name.

        Raises:
            ModelContractError: it is registered under several names, has no name that can be
                used, or cannot be called as a builder.
        """
        names = [name for name, variant in self.items() if variant.builder is builder]
        if len(names) == 1:
            return self[names[0]]
        name = default_name(builder)
        if names:
            raise ModelContractError(
                f"{name} is registered as {' and as '.join(map(repr, names))}; pass the name "
                "that you mean"
            )
        check_builder(name, builder, {})
        if not is_name(name) or name in self:
            reason = "is the name of another model" if name in self else "cannot be a model's name"
            raise ModelContractError(
                f"{name!r} {reason}; write @ck.register_model('my_model') above the builder, "
                "and pass that name"
            )
        return Variant(name, builder, summary=first_line(builder))

    def __iter__(self) -> Iterator[str]:
        self._fill()
        return iter(self._variants)

    def __len__(self) -> int:
        self._fill()
        return len(self._variants)

    def _fill(self) -> None:
        if self._discover is not None:
            # Cleared first, because the discovered variants register themselves here.
            discover, self._discover = self._discover, None
            try:
                discover()
            except BaseException:
                self._discover = discover  # Ctrl-C at the first look-up; the next tries again
                raise

    def _unknown(self, name: object) -> str:
        close = nearest(str(name), self._variants)
        guess = f" Did you mean {close!r}?" if close else ""
        known = ", ".join(self._variants) or "none yet"
        hint = "Your own model is known once its file is imported (--import FILE)"
        return f"no model is called {name!r}.{guess} Known are {known}. {hint}"


def _discover() -> None:
    for module in BUILT_IN:
        importlib.import_module(module)
    load_entry_points(registry.all_or_nothing)


registry = Registry(_discover)


@explains_arguments("ck.register_model")
def register_model(
    name: str,
    *,
    recipe: Recipe | None = None,
    summary: str | None = None,
    options: Mapping[str, Any] | None = None,
    replace: bool = False,
) -> Callable[[B], B]:
    """Register a builder under a name; decorators stack, so one builder may have several.

    Registering the same function again, such as by running a notebook cell twice, replaces it
    without a warning.

    Args:
        name: small letters and digits, in words joined by `-` or `_`.
        recipe: how it is trained; the assignment's way when None.
        summary: one line for listings; the first line of the docstring when None.
        options: the arguments that the builder is called with under this name.
        replace: whether to take the name from another builder.

    Returns:
        A decorator that returns the builder unchanged.

    Raises:
        ModelNameError: the name is not of the allowed form.
        DuplicateModelError: another function has the name; the message says where.
        ModelContractError: the builder cannot be called with these options, or `replace` is not a
            bool.

    >>> from torch import nn
    >>> @register_model("doc_wide", options={"width": 64}, summary="the wide one")
    ... @register_model("doc_narrow", summary="the narrow one")
    ... def tiny(*, num_classes=10, width=8):
    ...     return nn.Sequential(
    ...         nn.Flatten(), nn.Linear(3072, width), nn.ReLU(), nn.Linear(width, num_classes)
    ...     )
    >>> get_variant("doc_wide").differs_from(get_variant("doc_narrow"))
    {'width': (8, 64)}
    """
    if callable(name):
        raise TypeError(
            'write @register_model("a_name"), with a name in parentheses, not @register_model'
        )
    return registry.register(name, recipe=recipe, summary=summary, options=options, replace=replace)


def create_model(name: str | Variant | Builder, **options: Any) -> nn.Module:
    """Build a fresh network by name.

    Args:
        name: a registered name, a variant, or a builder; see `get_variant`.
        options: `num_classes` and the other options of its builder.

    Returns:
        A network from float32 `batch 3 32 32` in [-1, 1] to logits `batch classes`.

    Raises:
        UnknownModelError: no variant has that name.
        ModelContractError: the builder breaks the contract.

    >>> sum(parameter.numel() for parameter in create_model("baseline").parameters())
    2122186
    """
    return get_variant(name).build(**options)


@explains_arguments("ck.list_models")
def list_models(pattern: str = "*") -> list[str]:
    """List the registered names that match a wildcard, in the order of registration.

    Args:
        pattern: a pattern, in which `*` stands for any letters, and `?` for one letter.

    >>> list_models("res*")
    ['resnet20']
    """
    return [name for name in registry if fnmatch.fnmatchcase(name, pattern)]


@explains_arguments("ck.get_variant")
def get_variant(name: str | Variant | Builder) -> Variant:
    """Return the variant that a name, a builder or a variant stands for.

    Args:
        name: a registered name, or the builder that is registered under it. A builder without a
            registered name becomes a variant with its own name. A variant is returned unchanged.

    Raises:
        UnknownModelError: no variant has that name; the message has the nearest match.
        ModelContractError: the builder has several names, no name that can be used, or cannot be
            called as one.

    >>> get_variant("baseline").summary
    'two convolutions, the network of the assignment'
    """
    if isinstance(name, Variant):
        return name
    return registry.variant_of(name) if callable(name) else registry[name]
