"""Read records of format 1 as earlier versions wrote them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from cifarkit.data.mixing import Mixup
from cifarkit.recipes.losses import CrossEntropy
from cifarkit.recipes.recipe import Recipe

__all__ = ["CURRENT_NAMES", "MIXUP", "current_recipe", "first_training", "listener_of_text"]

CURRENT_NAMES = {"steps_recorded": "steps_captured", "steps_by_hand_because": "eager_because"}
# Arguments that earlier versions printed without their names.
UNNAMED = {"EarlyStopping": "column", "GradientClip": "max_norm"}
MIXUP = "cifarkit.training.callbacks.mixup.Mixup"  # a callback, before recipes had a `mix`
NEW = ("clip_norm", "groups", "sampling", "mix")  # fields that no recipe had at first


def current_recipe(
    document: Mapping[str, Any], callbacks: Iterable[tuple[str, Mapping[str, Any] | None]] = ()
) -> dict[str, Any]:
    """Convert the JSON of an older recipe to the fields that recipes have now.

    Args:
        document: as it was written.
        callbacks: of the run, each its class and what makes it again.

    >>> current_recipe({"epochs": 3, "label_smoothing": 0.1})["loss"]["label_smoothing"]
    0.1
    """
    recipe = Recipe().to_json() | dict(document)
    if "label_smoothing" in recipe:  # a field of the recipe, before there were losses
        recipe["loss"] = _smoothed(recipe.pop("label_smoothing"))
    for kind, fields in callbacks:
        if kind == MIXUP:
            recipe["mix"] = {"kind": Mixup.__name__, **(fields or {})}
    return recipe


def first_training(
    recipe: Mapping[str, Any], callbacks: Iterable[str]
) -> tuple[dict[str, Any], list[str]]:
    """Convert the JSON of a recipe, and callbacks, to their first form, if they use nothing new.

    The keys of runs are hashes of them, so that a training without new settings keeps its key.

    Args:
        recipe: as it is written now.
        callbacks: as they print.

    >>> recipe = current_recipe({"epochs": 3, "label_smoothing": 0.1}, [(MIXUP, {"alpha": 0.5})])
    >>> first, callbacks = first_training(recipe, [])
    >>> first["label_smoothing"], "mix" in first, callbacks
    (0.1, False, ['cifarkit.training.callbacks.mixup.Mixup(alpha=0.5)'])
    """
    plain, callbacks = Recipe().to_json(), list(callbacks)
    first = {
        name: value for name, value in recipe.items() if not (name in NEW and value == plain[name])
    }
    mix = first.get("mix")
    if isinstance(mix, dict) and mix.keys() == {"kind", "alpha"} and mix["kind"] == "Mixup":
        callbacks.append(f"{MIXUP}(alpha={first.pop('mix')['alpha']!r})")
    loss = recipe.get("loss")
    if isinstance(loss, dict) and loss == _smoothed(loss.get("label_smoothing")):
        first["label_smoothing"] = first.pop("loss")["label_smoothing"]
    return first, callbacks


def _smoothed(label_smoothing: Any) -> dict[str, Any]:
    return CrossEntropy().to_json() | {"label_smoothing": label_smoothing}


def listener_of_text(text: str) -> tuple[str, dict[str, Any] | None]:
    """Return the class and the arguments of a callback from its repr.

    >>> listener_of_text("cifarkit.training.callbacks.mixup.Mixup(alpha=0.2)")
    ('cifarkit.training.callbacks.mixup.Mixup', {'alpha': 0.2})
    >>> listener_of_text("mine.TestAccess")
    ('mine.TestAccess', None)
    """
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call):
            return text, None
        kind = ast.unparse(call.func)
        fields = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
        for argument in call.args:
            fields[UNNAMED[kind.rpartition(".")[2]]] = ast.literal_eval(argument)
        return kind, fields
    except (SyntaxError, ValueError, KeyError, TypeError):  # a user's callback has any repr
        return text.partition("(")[0], None
