"""Groups of weights, by name: scale their learning rate, and freeze them in the first epochs."""

from __future__ import annotations

import difflib
import glob
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
    """Weights, chosen by name, with a scaled learning rate or frozen in the first epochs.

    Frozen weights keep every bit: no step, weight decay or momentum changes them. A layer with
    buffers, such as batch norm with its running averages, runs in evaluation mode while all its
    weights are frozen, so its buffers do not change either. Keras does the same for batch norm
    (https://keras.io/guides/transfer_learning). Dropout layers stay active. Weights that the
    network, or a callback in `on_fit_start`, froze stay frozen when their group thaws.

    Args:
        pattern: matches the names in `network.named_parameters()`, like a pattern for file names:
            `*` is any text, including dots, `?` is one character, `[1-3]` is one of these, and
            `[[]` is a bracket. A weight that several layers share has several names; one that
            matches is enough.
        lr_scale: multiplies the schedule's rate at every step (Howard and Ruder 2018, "Universal
            Language Model Fine-tuning", section 3.2).
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

    def is_frozen_in(self, epoch: float) -> bool:
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


def check_names(
    groups: Sequence[Group], weights: Sequence[Sequence[str]], *, buffers: Sequence[str] = ()
) -> None:
    """Refuse groups that do not fit a network.

    Args:
        groups: the groups of a recipe.
        weights: the names of each weight of the network; several if several layers share it.
        buffers: the names of the network's buffers, for the message.

    Raises:
        RecipeError: a pattern matches no weight, or two patterns match the same weight.

    >>> check_names([Group("backbon.*")], [["backbone.0.weight"], ["head.weight"]])
    Traceback (most recent call last):
    ...
    cifarkit.errors.RecipeError: Group('backbon.*') matches no weight of the network; did you mean
    'backbone.*'? Its weights are backbone.0.weight, head.weight
    """
    names = [name for own in weights for name in own]
    for group in groups:
        if not any(fnmatchcase(name, group.pattern) for name in names):
            found = [name for name in buffers if fnmatchcase(name, group.pattern)]
            raise RecipeError(
                f"Group({group.pattern!r}) matches no weight of the network"
                f"{f', only buffers, such as {found[0]!r}' if found else ''}; "
                f"{_nearest(group.pattern, names)}Its weights are {_some(names)}"
            )
    for own in weights:
        matching = [
            group for group in groups if any(fnmatchcase(name, group.pattern) for name in own)
        ]
        if len(matching) > 1:
            one, other, *_ = matching
            raise RecipeError(
                f"Group({one.pattern!r}) and Group({other.pattern!r}) both match the weight "
                f"{', also named '.join(map(repr, own))}; a weight has one group, so "
                "make the patterns narrower"
            )


def _nearest(pattern: str, names: Sequence[str]) -> str:
    """Suggest the nearest pattern for a layer or a weight of the network."""
    parts = [glob.escape(name).split(".") for name in names]
    layers = {".".join([*part[:end], "*"]): None for part in parts for end in range(1, len(part))}
    close = difflib.get_close_matches(pattern, [*layers, *map(".".join, parts)], n=1)
    return f"did you mean {close[0]!r}? " if close else ""


def _some(names: Sequence[str]) -> str:
    """List all names if they are few, else the first and the last."""
    return ", ".join(names if len(names) <= 6 else [*names[:3], "…", *names[-2:]])
