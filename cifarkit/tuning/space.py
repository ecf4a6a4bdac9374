"""The space of a search: which settings vary, and over which values."""

from __future__ import annotations

import dataclasses
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from cifarkit.annotations import Range
from cifarkit.errors import ModelContractError, RecipeError, UnknownFieldError
from cifarkit.guidance import nearest
from cifarkit.models.variant import Variant
from cifarkit.synonyms import SYNONYMS
from cifarkit.values import Value

__all__ = ["Axis", "Choice", "Dimension", "LinearRange", "LogRange", "axes_of", "varied"]


@dataclass(frozen=True)
class Dimension(Value, ABC):
    """Base of what one setting may be in a search."""

    @abstractmethod
    def at(self, share: float, *, whole: bool) -> Any:
        """Return the value at a share of the range; random shares give the values of random trials.

        Args:
            share: 0 <= share < 1.
            whole: whether the setting takes whole numbers only.
        """

    @abstractmethod
    def extremes(self, *, whole: bool) -> tuple[Any, ...]:
        """Return the values that must be allowed, so that all others are."""


@dataclass(frozen=True)
class _Interval(Dimension, ABC):
    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise RecipeError(
                f"{self!r} holds no range: the lower end comes first, as in "
                f"ck.{type(self).__name__}({self.high!r}, {self.low!r})"
            )

    def at(self, share: float, *, whole: bool) -> Any:
        if not whole:
            number = float(f"{self._between(self.low, self.high, share):.4g}")  # as people write it
            return min(self.high, max(self.low, number))
        least, most = self.extremes(whole=True)  # each whole number has a half on both sides
        number = round(self._between(least - 0.5, most + 0.5, share))
        return min(most, max(least, number))

    def extremes(self, *, whole: bool) -> tuple[Any, ...]:
        if not whole:
            return self.low, self.high
        if math.ceil(self.low) > math.floor(self.high):
            raise RecipeError(f"{self!r} holds no whole number; give ends further apart")
        return math.ceil(self.low), math.floor(self.high)

    @abstractmethod
    def _between(self, low: float, high: float, share: float) -> float: ...


@dataclass(frozen=True)
class LogRange(_Interval):
    """From one number to another on a log scale: for rates and other numbers above 0.

    Half of the trials lie below the geometric mean of the ends. A setting that is a whole number,
    such as `batch_size`, gets whole numbers.

    Args:
        low: the lower end.
        high: the upper end.

    Raises:
        RecipeError: an end is not above 0, or the lower end is not below the upper one.

    >>> LogRange(1e-4, 1e-2).at(0.5, whole=False)
    0.001
    """

    low: Annotated[float, Range(0, 1e15, open="(")]
    high: Annotated[float, Range(0, 1e15, open="(")]

    def _between(self, low: float, high: float, share: float) -> float:
        return math.exp(math.log(low) * (1 - share) + math.log(high) * share)


@dataclass(frozen=True)
class LinearRange(_Interval):
    """From one number to another, all equally likely: for shares such as momentum.

    Args:
        low: the lower end.
        high: the upper end.

    Raises:
        RecipeError: an end is not finite, or the lower end is not below the upper one.

    >>> LinearRange(0, 0.5).at(0.5, whole=False)
    0.25
    """

    low: Annotated[float, Range(-1e15, 1e15)]
    high: Annotated[float, Range(-1e15, 1e15)]

    def _between(self, low: float, high: float, share: float) -> float:
        return low * (1 - share) + high * share


@dataclass(frozen=True)
class Choice(Dimension):
    """One of several values of any kind: optimisers, schedules, tuples of augmentations.

    Args:
        values: the values, each equally likely.

    Raises:
        RecipeError: there are no values.

    >>> Choice([32, 64, 128]).at(0.4, whole=True)
    64
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.values:
            raise RecipeError("a choice needs values: write ck.Choice([32, 64])")

    def at(self, share: float, *, whole: bool) -> Any:
        """Return the value whose part of the way holds this share."""
        return self.values[int(share * len(self.values))]

    def extremes(self, *, whole: bool) -> tuple[Any, ...]:
        """Return all values: each must be allowed."""
        return self.values


@dataclass(frozen=True)
class Axis:
    """One setting that varies.

    Args:
        path: where it is: `"optimizer.lr"` in the recipe, or an option of the builder.
        dimension: what it may be.
        whole: whether it takes whole numbers only.
    """

    path: str
    dimension: Dimension
    whole: bool

    def at(self, share: float) -> Any:
        """Return the setting at a share of the way."""
        return self.dimension.at(share, whole=self.whole)


def axes_of(space: Any, variant: Variant) -> tuple[Axis, ...]:
    """Return the settings that vary; refuse a space that leaves what is allowed.

    Args:
        space: `{path: dimension}`.
        variant: the variant with its own settings.

    Raises:
        UnknownFieldError: the variant has no such setting.
        RecipeError: it is not a space, a value is not allowed, or one path is part of another.
        ModelContractError: the builder refuses a value.

    >>> from cifarkit.models.registry import get_variant
    >>> axes_of({"optimizer.lr": LogRange(1e-4, 1e-2)}, get_variant("mlp"))[0].at(0.5)
    0.001
    """
    if not isinstance(space, Mapping) or not space:
        raise RecipeError(
            "space must say what varies, as in {'optimizer.lr': ck.LogRange(1e-4, 1e-1)}; "
            f"found {space!r}"
        )
    known = {**_paths_in(variant.recipe), **_options_of(variant)}
    axes = []
    for path, dimension in space.items():
        if path not in known:
            raise UnknownFieldError(_unknown(path, list(known), variant))
        if not isinstance(dimension, Dimension):
            raise RecipeError(f"space[{path!r}] is {dimension!r}: write {_meant(dimension)}")
        axis = Axis(path, dimension, _takes_whole(known[path]))
        for value in dimension.extremes(whole=axis.whole):
            _try_out(variant, path, value)
        axes.append(axis)
    for path in space:
        if above := next((each for each in space if path.startswith(f"{each}.")), None):
            raise RecipeError(
                f"space has {above!r} and {path!r}, which is a part of it; give whole values: "
                f"{{{above!r}: ck.Choice([…, …])}}"
            )
    return tuple(axes)


def varied(variant: Variant, setting: Mapping[str, Any], name: str) -> Variant:
    """Return a variant with other settings, under another name.

    Args:
        variant: the variant.
        setting: `{path: value}`.
        name: the new name.

    Raises:
        RecipeError: a value is not allowed.

    >>> from cifarkit.models.registry import get_variant
    >>> varied(get_variant("mlp"), {"optimizer.lr": 0.01}, "mlp-fast").recipe.optimizer.lr
    0.01
    """
    recipe, options = variant.recipe, dict(variant.options)
    fields = {field.name for field in dataclasses.fields(recipe)}
    for path, value in setting.items():
        if path.partition(".")[0] in fields:
            recipe = _replaced(recipe, path, value)
        else:
            options[path] = value
    return dataclasses.replace(variant, name=name, recipe=recipe, options=options)


def _replaced(value: Any, path: str, new: Any) -> Any:
    head, _, rest = path.partition(".")
    return value.replace(**{head: _replaced(getattr(value, head), rest, new) if rest else new})


def _paths_in(value: Value, above: str = "") -> dict[str, Any]:
    """Return the annotation of each setting in a value, also of those in its fields, by path."""
    hints = get_type_hints(type(value), include_extras=True)
    paths = {}
    for field in dataclasses.fields(value):
        path = f"{above}{field.name}"
        paths[path] = hints[field.name]
        if isinstance(inner := getattr(value, field.name), Value):
            paths |= _paths_in(inner, f"{path}.")
    return paths


def _options_of(variant: Variant) -> dict[str, Any]:
    """Return the type of each option of the builder, by name."""
    parameters = inspect.signature(variant.builder).parameters
    defaults = {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.default is not parameter.empty and name != "num_classes"
    }
    return {name: type(value) for name, value in (defaults | dict(variant.options)).items()}


def _takes_whole(hint: Any) -> bool:
    """Return whether an annotation takes whole numbers, and no other numbers."""
    if get_origin(hint) is Annotated:
        return _takes_whole(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return any(map(_takes_whole, get_args(hint))) and float not in get_args(hint)
    return hint is int


def _try_out(variant: Variant, path: str, value: Any) -> None:
    try:
        tried = varied(variant, {path: value}, variant.name)
        if tried.options != variant.options:
            tried.build()
    except (RecipeError, ModelContractError) as error:
        raise type(error)(f"space[{path!r}] goes as far as {value!r}: {error}") from None


def _unknown(path: Any, known: list[str], variant: Variant) -> str:
    word = str(path).rpartition(".")[2]
    ours = SYNONYMS.get(word, word)
    ends = [each for each in known if each.rpartition(".")[2] == ours]
    close = ends[0] if ends else nearest(str(path), known)
    guess = f"did you mean {close!r}? It has" if close else "it has"
    return f"{variant.name!r} has no setting {path!r}; {guess} {', '.join(known)}"


def _meant(found: Any) -> str:
    """Return how to write what was given in place of a dimension."""
    is_pair = isinstance(found, tuple) and len(found) == 2
    if is_pair and all(type(end) in (int, float) for end in found):
        return f"ck.LogRange{found!r} or ck.LinearRange{found!r}"
    return f"ck.Choice({list(found)!r})" if isinstance(found, list | tuple) else "ck.Choice([…])"
