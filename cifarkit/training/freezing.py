"""Freeze and thaw weights in each epoch, by the groups of a recipe."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

from torch import Tensor, nn

from cifarkit.errors import RecipeError
from cifarkit.recipes.groups import Group, check_names, group_of

__all__ = ["Freezing", "check_groups", "weights_to_train"]

T = TypeVar("T")


def check_groups(model: nn.Module, groups: Sequence[Group]) -> None:
    """Refuse groups that do not fit a network, or leave nothing to train.

    Args:
        model: the network; weights that it froze itself stay frozen in all epochs.
        groups: the groups of the recipe.

    Raises:
        RecipeError: a pattern matches no weight, two patterns match the same weight, or all weights
            are frozen.

    >>> check_groups(nn.Linear(3, 2), [Group("*", frozen_epochs=1)])
    Traceback (most recent call last):
    ...
    cifarkit.errors.RecipeError: the groups freeze every weight in the first epoch, so nothing would
    be trained; leave some out of them, such as those of the last layer, 'bias'
    """
    names = _names(model)
    own = [names[id(weight)] for weight in model.parameters()]
    check_names(groups, own, buffers=[name for name, _ in model.named_buffers()])
    frozen = _frozen(model, groups, 0)
    if all(id(weight) in frozen for weight in model.parameters() if weight.requires_grad):
        last = [names[id(weight)][0] for weight in model.parameters() if weight.requires_grad][-1]
        raise RecipeError(
            "the groups freeze every weight in the first epoch, so nothing would be trained; "
            f"leave some out of them, such as those of the last layer, {last!r}"
        )


def weights_to_train(model: nn.Module, groups: Sequence[Group]) -> dict[str, nn.Parameter]:
    """Return the weights that are trained in any epoch, by name.

    A weight with several names gets the name that a group matches.

    >>> list(weights_to_train(nn.Linear(3, 2), [Group("bias", frozen_epochs="all")]))
    ['weight']
    """
    names, never = _names(model), _frozen(model, groups, math.inf)
    return {
        next((name for name in own if group_of(name, groups)), own[0]): weight
        for weight in model.parameters()
        if weight.requires_grad and id(weight) not in never
        for own in [names[id(weight)]]
    }


class Freezing:
    """Freezes weights and layers by the groups of a recipe, and thaws them again.

    It thaws only what it froze itself, not what the network or a callback froze before.

    Args:
        groups: the groups of the recipe.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = groups
        self.weights: list[nn.Parameter] = []  # frozen by the groups
        self.layers: list[nn.Module] = []  # put into evaluation mode by the groups
        self.evaluated: list[nn.Module] = []  # all layers that must be in evaluation mode

    def follow(self, model: nn.Module, epoch: float) -> None:
        """Freeze the groups of an epoch, and thaw the groups of earlier epochs.

        Args:
            model: the network in training.
            epoch: the epoch, counted from 0; infinity freezes only what is never trained.

        Raises:
            RecipeError: no weight is left to train.
        """
        if not self.groups:
            return
        ids = _frozen(model, self.groups, epoch)
        frozen = [weight for weight in model.parameters() if id(weight) in ids]
        self.weights = _switch_off("requires_grad", self.weights, frozen)
        for weight in frozen:
            weight.grad = None
        self.evaluated = list(_layers_to_evaluate(model, ids, []))
        self.layers = _switch_off("training", self.layers, self.evaluated)
        if not any(weight.requires_grad for weight in model.parameters()):
            raise RecipeError(
                "the recipe's groups, with the weights that are frozen elsewhere, leave no weight "
                f"to train in epoch {epoch + 1}; freeze fewer weights in the network or a callback"
            )

    def evaluate(self) -> None:
        """Put layers back into evaluation mode if a callback changed them; called at every step."""
        for layer in self.evaluated:
            if layer.training:
                layer.training = False

    def beside(self, model: nn.Module) -> dict[str, list[str]]:
        """Return the layers in training mode and the frozen weights, as they are without groups."""
        thawed = {id(weight) for weight in self.weights}
        return {
            "training": [
                name
                for name, layer in model.named_modules()
                if layer.training or layer in self.layers
            ],
            "frozen": [
                name
                for name, weight in model.named_parameters()
                if not weight.requires_grad and id(weight) not in thawed
            ],
        }

    def end(self) -> None:
        """Thaw the weights; layers are in evaluation mode after training anyway."""
        self.weights = _switch_off("requires_grad", self.weights, [])


def _switch_off(attribute: str, before: list[T], now: list[T]) -> list[T]:
    """Set an attribute to True for the things of `before`, then to False for those of `now`.

    Returns:
        The things of `now` whose attribute was True.
    """
    for thing in before:
        setattr(thing, attribute, True)
    switched = [thing for thing in now if getattr(thing, attribute)]
    for thing in switched:
        setattr(thing, attribute, False)
    return switched


def _names(model: nn.Module) -> dict[int, list[str]]:
    """Return the names of each weight and buffer by its `id`; shared ones have several."""
    names: dict[int, list[str]] = {}
    named: Iterator[tuple[str, Tensor]] = itertools.chain(
        model.named_parameters(remove_duplicate=False), model.named_buffers(remove_duplicate=False)
    )
    for name, tensor in named:
        names.setdefault(id(tensor), []).append(name)
    return names


def _frozen(model: nn.Module, groups: Sequence[Group], epoch: float) -> set[int]:
    """Return the `id` of each weight and buffer that a frozen group matches."""
    frozen = [group for group in groups if group.is_frozen_in(epoch)]
    return {
        number
        for number, names in _names(model).items()
        if any(group_of(name, frozen) for name in names)
    }


def _layers_to_evaluate(
    layer: nn.Module, frozen: set[int], around: list[nn.Parameter]
) -> Iterator[nn.Module]:
    """Yield the layers that have buffers, and whose weights are all frozen.

    For a layer without weights, such as a parametrization, the weights of the layer around it
    decide, or its own buffers.

    Args:
        layer: the layer to search.
        frozen: the `id` of each frozen weight and buffer.
        around: the weights of the nearest enclosing layer that has weights.
    """
    weights = list(layer.parameters())
    buffers = list(layer.buffers(recurse=False))
    deciding: list[Sequence[Tensor]] = [weights] if weights else [around, buffers]
    if buffers and any(all(id(each) in frozen for each in tensors) for tensors in deciding):
        yield layer
    for child in layer.children():
        yield from _layers_to_evaluate(child, frozen, weights or around)
