"""What a user's callback changes in its hooks: recorded where training goes by it, else refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from cifarkit.errors import CallbackError
from cifarkit.training.run import Run

__all__ = ["guarded"]

# What training does not take from a callback, and the way to what was meant.
FIXED = {
    "run.now.optimizer": "give the recipe another optimizer=, such as one of your own",
    "run.now.splits": "give ck.train the splits that it is to train on",
    "run.now.network": "replace layers before training",
    "run.now.epoch": "run.stop(reason) ends the training",
    "run.now.step": "run.stop(reason) ends the training",
    "run.now.batch": "replace it in on_batch_start",
    "run.history": "run.log(name, value) puts a number into it",
    "run.recipe": "give ck.train what is to be changed, such as epochs=3",
    "run.seed": "give ck.train seed=",
    "run.variant": "train the variant that you mean",
    "run.classes": "load the data with other classes",
    "run.folder": "give ck.train run_dir=",
}


@contextmanager
def guarded(run: Run, who: str, hook: str) -> Iterator[None]:
    """Look at what a hook changes.

    Rates, settings of the optimiser, modes of layers, frozen weights and weights themselves are
    the callback's to change; the run's facts then say `changed_by_callbacks`.

    Args:
        run: in training.
        who: the name of the callback.
        hook: which is called in the block.

    Raises:
        CallbackError: training goes by something else than what was changed.
    """
    fixed, free, names = _fixed(run), _free(run), _names(run.model)
    layers = dict(run.model.named_modules())
    yield
    for name, value in _fixed(run).items():
        if value is not fixed[name] and not (name == "run.now.batch" and hook == "on_batch_start"):
            raise CallbackError(
                f"{who}.{hook} replaced {name}, which training does not go by; {FIXED[name]}"
            )
    _check_layers(run, f"{who}.{hook}", layers)
    _check_weights(run, f"{who}.{hook}", names)
    changed = [f"{who}: {what}" for what, value in _free(run).items() if value != free[what]]
    if changed:
        noted = run.facts.setdefault("changed_by_callbacks", [])
        noted += [line for line in changed if line not in noted]


def _fixed(run: Run) -> dict[str, Any]:
    holders = {"run": run, "run.now": run.now}
    parts = (name.rpartition(".") for name in FIXED)
    return {f"{of}.{name}": getattr(holders[of], name, None) for of, _, name in parts}


def _free(run: Run) -> dict[str, Any]:
    groups = run.now.optimizer.param_groups
    weights = list(run.model.parameters())
    return {
        "the learning rate": [float(group["lr"]) for group in groups],
        "settings of the optimiser": [
            {name: value for name, value in group.items() if name not in ("lr", "params")}
            for group in groups
        ],
        "which weights are frozen": [weight.requires_grad for weight in weights],
        "modes or settings of layers": [
            [value for value in vars(layer).values() if isinstance(value, bool | int | float)]
            for layer in run.model.modules()
        ],
        # torch counts what is written into a tensor, though not through its .data
        "weights": [weight._version for weight in weights],
    }


def _names(model: nn.Module) -> dict[int, str]:
    return {id(weight): name for name, weight in model.named_parameters()}


def _check_layers(run: Run, place: str, before: dict[str, nn.Module]) -> None:
    now = dict(run.model.named_modules())
    other = [name for name in now | before if now.get(name) is not before.get(name)]
    if other:
        raise CallbackError(
            f"{place} replaced the layer {min(other)!r}, and who loads the run would build the old "
            "one; build the network with it, or change the layer's own settings or weights"
        )


def _check_weights(run: Run, place: str, before: dict[int, str]) -> None:
    """Refuse weights that the optimiser does not train, and those that are no longer in use."""
    held = {id(weight) for group in run.now.optimizer.param_groups for weight in group["params"]}
    trained = {
        name: id(weight) for name, weight in run.model.named_parameters() if weight.requires_grad
    }
    for name, number in trained.items():
        if number not in held:
            what = f"unfroze {name!r}" if number in before else f"gave the network {name!r}"
            raise CallbackError(
                f"{place} {what}, which the optimiser does not hold, so it would not be trained; "
                "begin with it in the network and not frozen, freeze it in on_fit_start, and "
                "unfreeze it when it is to be trained"
            )
    gone = [before[number] for number in before.keys() & held - _names(run.model).keys()]
    if gone:
        raise CallbackError(
            f"{place} replaced {min(gone)!r}, which the optimiser goes on training in its place; "
            "replace layers before training, or write into the weight, under torch.no_grad()"
        )
