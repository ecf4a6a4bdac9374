"""A variant: a builder, its options, a recipe, and where it was defined."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from dataclasses import fields as fields_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cifarkit.annotations import is_whole
from cifarkit.blocks import Block, Readable
from cifarkit.errors import CifarkitError, ModelContractError
from cifarkit.models.code import code_digest
from cifarkit.models.user_code import is_user_code
from cifarkit.recipes.recipe import Recipe
from cifarkit.renamed import RenamedAttribute
from cifarkit.tables import Table

if TYPE_CHECKING:  # variants are listed without torch
    from torch import nn

    Builder = Callable[..., nn.Module]

__all__ = ["Builder", "Variant", "factory_hint", "source_of"]

# Names for num_classes in other libraries.
WIDTHS = (
    "n_?class(es)?|num_?(class|labels?|outputs?)|class_?num|nb_classes|classes|labels|outputs?|"
    "out(put)?_(features|channels|dim|size)"
)


@dataclass(frozen=True)
class Variant(Readable):
    """A network and the way to train it, under a name.

    Args:
        name: the name in the registry.
        builder: `(*, num_classes=10, **options) -> nn.Module`; the module returns logits.
        options: the arguments of the builder besides `num_classes`.
        recipe: how the network is trained.
        summary: one line on what it is.

    >>> from cifarkit.models.registry import get_variant
    >>> get_variant("augmented").differs_from(get_variant("baseline"))
    {'augment': ((), (Flip(probability=0.5), Crop(padding=4, size=32)))}
    >>> get_variant("batchnorm").differs_from(get_variant("baseline"))
    {'batch_norm': (False, True)}
    """

    name: str
    builder: Builder
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    recipe: Recipe = Recipe()
    summary: str = ""

    def blocks(self) -> Sequence[Block]:
        """Return tables of the builder's options and of the recipe."""
        rows = [("builder", self.source), *((name, repr(it)) for name, it in self.options.items())]
        recipe = self.recipe
        fields = [(part.name, repr(getattr(recipe, part.name))) for part in fields_of(recipe)]
        return [
            f"Variant {self.name}: {self.summary}" if self.summary else f"Variant {self.name}",
            Table(("option", "value"), rows, align="l"),
            Table(("recipe", "value"), fields, align="l"),
        ]

    @property
    def source(self) -> str:
        """File and line of the builder."""
        pinned: str | None = self.__dict__.get("pinned_source")
        return pinned or source_of(self.builder)

    @property
    def code(self) -> str:
        """A hash of the builder's code, of the user's code that it uses, and of the options.

        The user's own augmentations, optimisers and schedules count too.
        """
        pinned: str | None = self.__dict__.get("pinned_code")
        return pinned or code_digest(
            self.builder, dict(self.options), *filter(is_user_code, _kinds(self.recipe))
        )

    is_own = RenamedAttribute("is_user_code")

    @property
    def is_user_code(self) -> bool:
        """Whether the builder is from the user's own files, not from an installed package."""
        plain = inspect.unwrap(self.builder)
        # For a functools.partial, the function inside counts.
        return is_user_code(getattr(plain, "func", plain))

    def __getstate__(self) -> dict[str, Any]:
        # When it is unpickled in another process, its source may be out of reach.
        return {**self.__dict__, "pinned_code": self.code, "pinned_source": self.source}

    def build(self, **options: Any) -> nn.Module:
        """Build a fresh network.

        Args:
            options: `num_classes` and the builder's other options; they replace the variant's.
                Without `num_classes`, it is the builder's default, or else 10.

        Raises:
            ModelContractError: the builder does not take these options, or its network does not
                give one logit per class.
        """
        from cifarkit.models.contract import check_logits

        model = self.construct(**options)
        check_logits(model, self._chosen(options)["num_classes"], f"{self.name!r} ({self.source})")
        return model

    def construct(self, **options: Any) -> nn.Module:
        """Build a fresh network as `build` does, without a check of its logits.

        Raises:
            ModelContractError: the builder does not take these options, raises an error, or
                returns something that is not a network.
        """
        from cifarkit.models.contract import check_module, text_of
        from cifarkit.models.torch_errors import torch_hint

        chosen = self._chosen(options)
        try:
            inspect.signature(self.builder).bind(**chosen)
        except TypeError as error:
            raise ModelContractError(
                f"{self.name!r} cannot be built with {chosen}: {error}; its builder takes "
                f"{', '.join(inspect.signature(self.builder).parameters)} ({self.source})"
            ) from None
        try:
            model = self.builder(**chosen)
        except (CifarkitError, MemoryError):
            raise
        except Exception as error:
            raise ModelContractError(
                f"{self.name!r} ({self.source}) cannot be built: {text_of(error)}"
                f"{_weights_hint(self.builder, chosen) or torch_hint(error)}"
            ) from error
        check_module(model, f"{self.name!r} ({self.source})")
        return model

    def differs_from(self, other: Variant) -> dict[str, tuple[Any, Any]]:
        """Name every factor in which the two differ: `{factor: (theirs, ours)}`.

        A factor is a field of the recipe, an option of the builder, or `"builder"` itself.

        Raises:
            ModelContractError: the other is not a variant.
        """
        if not isinstance(other, Variant):
            raise ModelContractError(
                f"differs_from takes a variant, such as ck.get_variant(name), found {other!r}"
            )
        differences = self.recipe.differs_from(other.recipe)
        theirs, ours = other._settings(), self._settings()
        if self.builder is not other.builder:
            differences["builder"] = (other.source, self.source)
            theirs, ours = dict(other.options), dict(self.options)
        for option in theirs | ours:
            if _differ(theirs.get(option), ours.get(option)):
                differences[option] = (theirs.get(option), ours.get(option))
        return differences

    def _chosen(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return all options that the builder is called with."""
        # Always included, because a builder that passes its options on has no default to show.
        chosen = {"num_classes": self._settings().get("num_classes", 10), **self.options, **options}
        chosen["num_classes"] = _checked_count(self.name, chosen["num_classes"])
        return chosen

    def _settings(self) -> dict[str, Any]:
        """Return all options, including the builder's defaults."""
        defaults = {
            name: parameter.default
            for name, parameter in inspect.signature(self.builder).parameters.items()
            if parameter.default is not parameter.empty
        }
        return {**defaults, **self.options}


def _differ(theirs: Any, ours: Any) -> bool:
    try:
        return bool(theirs != ours)
    except (RuntimeError, ValueError):  # tensors and arrays compare number by number
        return code_digest(theirs) != code_digest(ours)


def _kinds(value: Any) -> list[type]:
    """Return the classes of the values that a recipe is made of."""
    parts = (
        list(value) if isinstance(value, tuple) else list(getattr(value, "__dict__", {}).values())
    )
    return [type(value), *(kind for part in parts for kind in _kinds(part))]


def _checked_count(name: str, num_classes: Any) -> int:
    if not is_whole(num_classes) or num_classes < 1:
        raise ModelContractError(
            f"{name!r} cannot be built with num_classes={num_classes!r}: allowed is a whole "
            "number, 1 or more"
        )
    return int(num_classes)


def factory_hint(builder: Callable[..., Any]) -> str:
    """Return how to write a builder around a factory that cannot be called as one."""
    name = getattr(getattr(builder, "func", builder), "__name__", "factory")
    name = "factory" if name == "<lambda>" else name
    parameters: Mapping[str, inspect.Parameter] = {}
    with suppress(TypeError, ValueError):  # some builtins have no signature
        parameters = inspect.signature(builder).parameters
    if "num_classes" in parameters:
        return "Write it as def my_model(*, num_classes=10): …, with a default for every argument"
    width = next((key for key in parameters if re.fullmatch(WIDTHS, key.lower())), None)
    if width is not None:
        body = f"return {name}({width}=num_classes)"
        return f"Write a builder around it: def my_model(*, num_classes=10): {body}"
    return (
        f"Write a builder def my_model(*, num_classes=10) around it: make net = {name}(), put "
        "nn.Linear(…, num_classes) in place of its last layer, and return net"
    )


def _weights_hint(builder: Callable[..., Any], options: Mapping[str, Any]) -> str:
    """Return how to change the classes of a factory that loads trained weights."""
    options = {**getattr(builder, "keywords", {}), **options}
    if not any(options.get(name) for name in ("weights", "pretrained")):
        return ""
    name = getattr(getattr(builder, "func", builder), "__name__", "factory")
    return (
        "; leave out the trained weights, which are for other classes and may need a download. Or "
        f"write a builder def my_model(*, num_classes=10): make net = {name}(weights=…), put "
        "nn.Linear(…, num_classes) in place of its last layer, and return net"
    )


def source_of(builder: Callable[..., Any]) -> str:
    """Return where a builder was written, as `file:line`, or else its name or its repr.

    >>> source_of(len)
    '<built-in function len>'
    """
    plain = inspect.unwrap(builder)
    plain = getattr(plain, "func", plain)  # the function inside a functools.partial
    try:
        path = Path(inspect.getfile(plain))
        line = inspect.getsourcelines(plain)[1]
    except (TypeError, OSError):
        return _cell_of(plain) or repr(builder)
    return f"{_shortened(path)}:{line}"


def _cell_of(builder: Any) -> str:
    """Return the location of a builder that is not in a file, such as a notebook's cell."""
    if not inspect.isclass(builder):
        code = getattr(builder, "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code else ""
    cells = (_cell_of(method) for method in vars(builder).values() if inspect.isfunction(method))
    return f"{builder.__qualname__} in {next(cells, builder.__module__)}"


def _shortened(path: Path) -> Path:
    """Return a file's path relative to the current folder, or else to where Python imports it.

    The path goes into run folders, which are handed in, so it hides the user's home folder.
    """
    for base in (".", *sys.path):
        with suppress(ValueError, OSError):  # not below it; there is no current folder
            return path.relative_to(Path(base).absolute())
    return path
