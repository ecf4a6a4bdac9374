"""What earlier versions wrote into records of format 1: read here, nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from cifarkit.recipes.losses import CrossEntropy
from cifarkit.recipes.recipe import Recipe

__all__ = ["CURRENT_NAMES", "current_recipe", "first_recipe", "listener_of_text"]

CURRENT_NAMES = {"steps_recorded": "steps_captured", "steps_by_hand_because": "eager_because"}
# Fields that recipes did not have, with the values that change nothing.
NEW: tuple[tuple[str, Any], ...] = (("clip_norm", None), ("groups", []))
# The arguments that were printed without their names.
UNNAMED = {"EarlyStopping": "column", "GradientClip": "max_norm"}


def current_recipe(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of a recipe with the fields that recipes have now.

    >>> current_recipe({"epochs": 3, "label_smoothing": 0.1})["loss"]["label_smoothing"]
    0.1
    """
    recipe = Recipe().to_json() | dict(document)
    if "label_smoothing" in recipe:  # a field of its own, before there were losses
        recipe["loss"] = _smoothed(recipe.pop("label_smoothing"))
    return recipe


def first_recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of a recipe as it was first written, where it has nothing new.

    Keys of runs are made of it, so what is trained as before has the key that it had.

    >>> first_recipe(current_recipe({"epochs": 3, "label_smoothing": 0.1}))["label_smoothing"]
    0.1
    """
    first = {name: value for name, value in recipe.items() if (name, value) not in NEW}
    loss = recipe.get("loss")
    if isinstance(loss, dict) and loss == _smoothed(loss.get("label_smoothing")):
        first["label_smoothing"] = first.pop("loss")["label_smoothing"]
    return first


def _smoothed(label_smoothing: Any) -> dict[str, Any]:
    return CrossEntropy().to_json() | {"label_smoothing": label_smoothing}


def listener_of_text(text: str) -> tuple[str, dict[str, Any] | None]:
    """Return the class of a callback, and what makes it again, from how Python printed it.

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
    except (SyntaxError, ValueError, KeyError, TypeError):  # another's, who prints otherwise
        return text.partition("(")[0], None
