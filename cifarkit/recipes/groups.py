"""Groups of weights, by name: a rate of their own, and first epochs in which they stay frozen."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from cifarkit.annotations import Range
from cifarkit.errors import RecipeError
from cifarkit.values import Value

__all__ = ["Group", "check_names", "group_of"]


@dataclass(frozen=True)
class Group(Value):
    """Weights that are trained in another way than the rest, chosen by their names.

    Frozen weights keep every bit: they make no step, and no decay or momentum moves them. A
    batch-norm layer whose weights are all frozen runs in evaluation mode meanwhile, so its running
    averages stay as well (as in Keras: https://keras.io/guides/transfer_learning). Dropout goes on.

    Args:
        pattern: for the names that `network.named_parameters()` gives, as of files: `*` is any
            text, with dots too, `?` is one character, and `[1-3]` is one of these.
        lr_scale: multiplies the rate that the schedule gives, at every step (Howard and Ruder 2018,
            "Universal Language Model Fine-tuning", section 3.2).
        frozen_epochs: how many epochs the weights stay frozen at first; `"all"` never trains them.

    >>> Group("backbone.*", lr_scale=0.1, frozen_epochs=2).is_frozen_in(1)
    True
    >>> Group("backbone.*", frozen_epochs=-1)
    Traceback (most recent call last):
    ...
    cifarkit.errors.RecipeError: Group cannot be made of these values:
      frozen_epochs=-1: allowed is a whole number, 0 <= value <= 100000 or one of 'all'
    """

    pattern: str
    lr_scale: Annotated[float, Range(0, 1_000, open="(")] = 1.0
    frozen_epochs: Annotated[int, Range(0, 100_000)] | Literal["all"] = 0

    def is_frozen_in(self, epoch: int) -> bool:
        """Return whether the weights stay as they are in an epoch, counted from 0.

        >>> Group("backbone.*").is_frozen_in(0), Group("*", frozen_epochs="all").is_frozen_in(99)
        (False, True)
        """
        return self.frozen_epochs == "all" or epoch < self.frozen_epochs


def group_of(name: str, groups: Sequence[Group]) -> Group | None:
    """Return the group whose pattern matches a name, if any.

    >>> group_of("head.weight", [Group("backbone.*")])
    """
    return next((group for group in groups if fnmatchcase(name, group.pattern)), None)


def check_names(groups: Sequence[Group], names: Sequence[str]) -> None:
    """Refuse groups that do not fit a network.

    Args:
        groups: of a recipe.
        names: of the network's weights.

    Raises:
        RecipeError: a pattern matches no name, or two match the same.

    >>> check_names([Group("backbon.*")], ["backbone.0.weight", "head.weight"])
    Traceback (most recent call last):
    ...
    cifarkit.errors.RecipeError: Group('backbon.*') matches no weight of the network; did you mean
    'backbone.*'? Its weights are backbone.0.weight, head.weight
    """
    for group in groups:
        if not any(fnmatchcase(name, group.pattern) for name in names):
            raise RecipeError(
                f"Group({group.pattern!r}) matches no weight of the network; "
                f"{_nearest(group.pattern, names)}Its weights are {_some(names)}"
            )
    for name in names:
        matching = [group for group in groups if fnmatchcase(name, group.pattern)]
        if len(matching) > 1:
            one, other, *_ = matching
            raise RecipeError(
                f"Group({one.pattern!r}) and Group({other.pattern!r}) both match the weight "
                f"{name!r}; a weight has one group, so write patterns that share none"
            )


def _nearest(pattern: str, names: Sequence[str]) -> str:
    """Suggest a pattern for a layer, or the name of a weight, that is spelt like one."""
    parts = [name.split(".") for name in names]
    layers = {".".join([*part[:end], "*"]): None for part in parts for end in range(1, len(part))}
    close = difflib.get_close_matches(pattern, [*layers, *names], n=1)
    return f"did you mean {close[0]!r}? " if close else ""


def _some(names: Sequence[str]) -> str:
    """Return all names where they are few, else the first and the last."""
    return ", ".join(names if len(names) <= 6 else [*names[:3], "…", *names[-2:]])
