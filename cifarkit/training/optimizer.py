"""Build the torch optimiser for a network from the value in the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature

import torch
from torch import nn

from cifarkit.errors import RecipeError
from cifarkit.recipes.groups import group_of
from cifarkit.recipes.recipe import Recipe

__all__ = ["build_optimizer"]


def build_optimizer(recipe: Recipe, weights: Mapping[str, nn.Parameter]) -> torch.optim.Optimizer:
    """Build the optimiser; weights with a scaled rate get groups of their own in it.

    Args:
        recipe: the recipe, with the optimiser and the `groups`.
        weights: the weights by name.

    Raises:
        RecipeError: `build` does not return a torch optimiser that the loop can use.

    >>> from cifarkit.recipes.groups import Group
    >>> weights = dict(nn.Linear(3, 2).named_parameters())
    >>> optimizer = build_optimizer(Recipe(groups=(Group("bias", lr_scale=0.5),)), weights)
    >>> [group["lr"] for group in optimizer.param_groups]
    [0.001, 0.0005]
    """
    optimizer = recipe.optimizer.build(list(weights.values()))
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise RecipeError(
            f"build of {recipe.optimizer!r} must return a torch.optim.Optimizer; it returned "
            f"{optimizer!r}"
        )
    try:
        signature(optimizer.step).bind()
    except TypeError as error:  # such as LBFGS, which computes the loss several times
        raise RecipeError(
            f"{type(optimizer).__name__}.step needs arguments, but the loop calls it without; "
            "choose another optimiser, such as ck.Adam()"
        ) from error
    groups = {id(weight): group_of(name, recipe.groups) for name, weight in weights.items()}
    _split(optimizer, {key: group.lr_scale for key, group in groups.items() if group is not None})
    for part in optimizer.param_groups:
        part["initial_lr"] = part["lr"]  # where the schedule starts, under torch's name
    return optimizer


def _split(optimizer: torch.optim.Optimizer, scales: Mapping[int, float]) -> None:
    """Split the optimiser's groups of weights, so that each has one scale; 1 comes first.

    A scaled group also gets `lr_scale` and `unscaled_lr`: the schedule needs the unscaled rate,
    because its rates need not be proportional to the first rate.

    Args:
        optimizer: the optimiser; its groups are replaced.
        scales: the scales by the `id` of a weight; 1 for a weight without one.
    """
    parts = []
    for group in optimizer.param_groups:
        weights: dict[float, list[nn.Parameter]] = {1.0: []}
        for weight in group["params"]:
            weights.setdefault(scales.get(id(weight), 1.0), []).append(weight)
        for scale, chosen in weights.items():
            lr = group["lr"]
            scaled = {"lr": lr * scale, "lr_scale": scale, "unscaled_lr": lr} if scale != 1 else {}
            if chosen:
                parts.append(group | scaled | {"params": chosen})
    optimizer.param_groups[:] = parts
