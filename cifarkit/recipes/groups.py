"""Groups of weights, by name: a rate of their own, and first epochs in which they stay frozen."""

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
    """Weights that are trained in another way than the rest, chosen by their names.

    Frozen weights keep every bit: they make no step, and no decay or momentum moves them. A
    layer with buffers, such as batch norm's running averages, runs in evaluation mode while all
    its weights are frozen, so its buffers stay as well (as batch norm in Keras:
    https://keras.io/guides/transfer_learning). Dropout layers go on. What the network, or a
    callback in `on_fit_start`, froze stays frozen when its group thaws.

    Args:
        pattern: for the names that `network.named_parameters()` gives, as of files: `*` is any
            text, with dots too, `?` is one character, `[1-3]` is one of these, and `[[]` is a
            bracket. A weight that several layers share is matched by each of its names.
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
        groups: of a recipe.
        weights: the names of each weight of the network: several if it is in several layers.
        buffers: the names of its buffers, for the message.

    Raises:
        RecipeError: a pattern matches no weight, or two match the same.

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
                f"{', also named '.join(map(repr, own))}; a weight has one group, so write "
                "patterns that share none"
            )


def _nearest(pattern: str, names: Sequence[str]) -> str:
    """Suggest a pattern for a layer, or for a weight, whose name is spelt like one."""
    parts = [glob.escape(name).split(".") for name in names]
    layers = {".".join([*part[:end], "*"]): None for part in parts for end in range(1, len(part))}
    close = difflib.get_close_matches(pattern, [*layers, *map(".".join, parts)], n=1)
    return f"did you mean {close[0]!r}? " if close else ""


def _some(names: Sequence[str]) -> str:
    """Return all names where they are few, else the first and the last."""
    return ", ".join(names if len(names) <= 6 else [*names[:3], "…", *names[-2:]])
