"""Which weights are trained in an epoch, by the recipe's groups; the others stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cifarkit.errors import RecipeError
from cifarkit.recipes.groups import Group, check_names, group_of
from cifarkit.runs.run import Run

__all__ = ["check_groups", "freeze_and_thaw", "frozen_by_groups", "weights_to_train"]


def check_groups(model: nn.Module, groups: Sequence[Group]) -> None:
    """Refuse groups that do not fit a network, or leave nothing to train.

    Args:
        model: the network; weights that are frozen already stay so in all epochs.
        groups: of the recipe.

    Raises:
        RecipeError: a pattern matches no weight, two match the same, or all weights are frozen.

    >>> check_groups(nn.Linear(3, 2), [Group("*", frozen_epochs=1)])
    Traceback (most recent call last):
    ...
    cifarkit.errors.RecipeError: the groups freeze every weight in the first epoch, so nothing would
    be trained; leave some out of them, such as those of the last layer, 'bias'
    """
    check_names(groups, [name for name, _ in model.named_parameters()])
    names = [name for name, weight in model.named_parameters() if weight.requires_grad]
    if all(_is_frozen(name, groups, 0) for name in names):
        raise RecipeError(
            "the groups freeze every weight in the first epoch, so nothing would be trained; "
            f"leave some out of them, such as those of the last layer, {names[-1]!r}"
        )


def weights_to_train(model: nn.Module, groups: Sequence[Group]) -> dict[str, nn.Parameter]:
    """Return the weights that are trained in some epoch, by name.

    >>> list(weights_to_train(nn.Linear(3, 2), [Group("bias", frozen_epochs="all")]))
    ['weight']
    """
    never = {group for group in groups if group.frozen_epochs == "all"}
    return {
        name: weight
        for name, weight in model.named_parameters()
        if weight.requires_grad and group_of(name, groups) not in never
    }


def freeze_and_thaw(run: Run) -> None:
    """Freeze what the recipe's groups freeze in the epoch that begins, and thaw what was frozen.

    What the network or a callback froze apart from that stays frozen.

    Args:
        run: in training.
    """
    model, groups, epoch = run.model, run.recipe.groups, run.state.epoch
    held = {id(w) for group in run.state.optimizer.param_groups for w in group["params"]}
    for name, weight in model.named_parameters():
        if _is_frozen(name, groups, epoch):
            weight.requires_grad_(False)
            weight.grad = None
        elif _is_frozen(name, groups, epoch - 1) and id(weight) in held:
            weight.requires_grad_(True)
    for name, layer in model.named_modules():
        if not isinstance(layer, _BatchNorm):
            continue
        if _all_frozen(name, layer, groups, epoch):
            layer.eval()
        elif _all_frozen(name, layer, groups, epoch - 1):
            layer.train()


@contextmanager
def frozen_by_groups(run: Run) -> Iterator[None]:
    """Freeze by the recipe's groups for a training; after it the weights are as free as before."""
    weights = run.model.named_parameters()
    free = [w for name, w in weights if w.requires_grad and group_of(name, run.recipe.groups)]
    freeze_and_thaw(run)
    try:
        yield
    finally:
        for weight in free:
            weight.requires_grad_(True)


def _is_frozen(name: str, groups: Sequence[Group], epoch: int) -> bool:
    """Return whether a group freezes a weight in an epoch; before the first, at -1, none does."""
    group = group_of(name, groups)
    return group is not None and epoch >= 0 and group.is_frozen_in(epoch)


def _all_frozen(name: str, layer: nn.Module, groups: Sequence[Group], epoch: int) -> bool:
    """Return whether all weights of a layer are frozen; of one without weights, its buffers."""
    own = [each for each, _ in layer.named_parameters(name, recurse=False)]
    own = own or [each for each, _ in layer.named_buffers(name, recurse=False)]
    return bool(own) and all(_is_frozen(each, groups, epoch) for each in own)
