"""From a registered name to a finished run, in one call."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from cifarkit.data.splits import Splits, check_splits
from cifarkit.data.test_reads import TestReads
from cifarkit.errors import DataError, ModelContractError
from cifarkit.guidance import as_written, explains_arguments
from cifarkit.models.registry import get_variant
from cifarkit.models.user_code import is_user_code
from cifarkit.models.variant import Variant
from cifarkit.modes import gradients_enabled
from cifarkit.randomness import seeded
from cifarkit.runs.run import Run
from cifarkit.training.callback import Callback
from cifarkit.training.engine.forward import Compile
from cifarkit.training.former_callbacks import moved_to_recipe
from cifarkit.training.progress.progress import ShowProgress
from cifarkit.training.trainer import Trainer
from cifarkit.values import Value, check_fields, written

if TYPE_CHECKING:
    from cifarkit.models.variant import Builder

__all__ = ["train"]


@explains_arguments("ck.train")
def train(
    model: str | Variant | Builder,
    splits: Splits,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    callbacks: Iterable[Callback] = (),
    run_dir: str | Path | None = None,
    track_test: bool = False,
    compile: Compile = "auto",
    show_progress: ShowProgress = "auto",
    resume: bool = False,
    **recipe_changes: Any,
) -> Run:
    """Build a variant from a seed and train it by its recipe.

    Args:
        model: a registered name, a variant, or a builder. A builder that is not registered is
            trained by the default recipe; register it before `load_run` reads the run.
        splits: the data.
        seed: the seed of first weights, order, augmentation and dropout.
        device: `"auto"` (CUDA, else MPS, else the CPU) or a torch device.
        callbacks: the callbacks, called in this order.
        run_dir: this run's own folder; nothing is written when None.
        track_test: whether to record test loss and accuracy each epoch too, only to look at.
        compile: `"on"`, `"off"`, or `"auto"`, which captures steps where that is faster; see
            `Trainer`.
        show_progress: True, False, or `"auto"`: in notebooks and on terminals.
        resume: whether to resume the run in `run_dir`, if there is one; see `Trainer.fit`.
        recipe_changes: fields of the recipe to change, such as `epochs=3`.

    Returns:
        The run, with its model and history.

    Raises:
        DataError: these are not splits.
        UnknownModelError: no variant has that name.
        ModelContractError: the builder has several names, or no valid name.
        UnknownFieldError: the recipe has no field of that name; the message says what to write.
        RecipeError: a change does not fit.

    It also raises the errors of `Trainer.fit`.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> train("mlp", data, epochs=1, seed=3)
    Run('mlp', seed 3, 1 epoch, finished)
    """
    if isinstance(model, Splits):
        name = splits if isinstance(splits, str) else "baseline"
        raise DataError(f"model and data are swapped; write ck.train({name!r}, data)")
    check_splits(splits)
    if isinstance(model, nn.Module):
        raise ModelContractError(_way_for_a_network(model, recipe_changes))
    variant = get_variant(model)
    callbacks, recipe_changes = moved_to_recipe(callbacks, recipe_changes, [variant.recipe])
    if recipe_changes:
        check_fields("ck.train", recipe_changes, variant.recipe, beside=train)
        variant = dataclasses.replace(variant, recipe=variant.recipe.replace(**recipe_changes))
    trainer = Trainer(
        variant.recipe,
        seed=seed,
        device=device,
        callbacks=callbacks,
        run_dir=run_dir,
        track_test=track_test,
        compile=compile,
        show_progress=show_progress,
    )
    with TestReads(splits.test):  # the builder's code, too
        with gradients_enabled(), seeded("weights", seed):
            network = variant.build(num_classes=len(splits.classes))
        return trainer.fit(network, splits, resume=resume, variant=variant)


def _way_for_a_network(network: nn.Module, changes: Mapping[str, Any]) -> str:
    """Return how to train a network that is built already: by a trainer, or by its class."""
    kind = type(network)
    by_class = f", or give its class: ck.train({kind.__name__}, data)" * is_user_code(kind)
    given = changes if "recipe" in changes else {"epochs": ..., **changes}
    fields = ", ".join(
        f"{name}={written(value) if isinstance(value, Value) else as_written(name, value)}"
        for name, value in given.items()
        if name != "recipe"
    )
    recipe = f"ck.Recipe({fields})"
    if "recipe" in changes:
        recipe = f"recipe.replace({fields})" if fields else "recipe"
    return (
        "ck.train builds a fresh network, from a name or a class, and was given a network; write "
        f"ck.Trainer({recipe}).fit(network, data){by_class}"
    )
