"""Accept mixes among callbacks, where they were before recipes had `mix`, until version 0.2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cifarkit.data.mixing import Mix
from cifarkit.recipes.recipe import Recipe
from cifarkit.values import written
from cifarkit.warn import warn

__all__ = ["moved_to_recipe"]


def moved_to_recipe(
    callbacks: Any, changes: Mapping[str, Any], recipes: Iterable[Recipe]
) -> tuple[Any, dict[str, Any]]:
    """Take mixes out of a list of callbacks, with a warning at the user's line.

    Args:
        callbacks: the callbacks of the call.
        changes: the recipe fields of the call.
        recipes: the recipes that get the changes.

    Returns:
        The other callbacks, and the changes with `mix`.

    Raises:
        TypeError: there are several different mixes, in the list, the changes and the recipes.

    >>> import warnings
    >>> from cifarkit.data.mixing import CutMix, Mixup
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     moved_to_recipe([Mixup()], {"epochs": 3}, [Recipe()])
    ([], {'epochs': 3, 'mix': Mixup(alpha=0.2)})
    >>> print(caught[0].message)
    a mix belongs to the recipe now: write mix=ck.Mixup(); as a callback it goes in version 0.2
    >>> moved_to_recipe([Mixup()], {}, [Recipe(mix=CutMix())])
    Traceback (most recent call last):
    ...
    TypeError: a recipe has one mix, and here are several: write mix=ck.Mixup() alone
    """
    if not isinstance(callbacks, Iterable):  # `check_callbacks` refuses it
        return callbacks, dict(changes)
    given = list(callbacks)
    mixes = [callback for callback in given if isinstance(callback, Mix)]
    if not mixes:
        return given, dict(changes)
    way = f"write mix={written(mixes[0])}"
    own = [changes["mix"]] if "mix" in changes else [recipe.mix for recipe in recipes]
    if len(mixes) > 1 or any(mix not in (None, mixes[0]) for mix in own):
        raise TypeError(f"a recipe has one mix, and here are several: {way} alone")
    warn(
        f"a mix belongs to the recipe now: {way}; as a callback it goes in version 0.2",
        DeprecationWarning,
    )
    return [each for each in given if not isinstance(each, Mix)], {**changes, "mix": mixes[0]}
