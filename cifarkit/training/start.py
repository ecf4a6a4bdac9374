"""Everything before the first step: checks, first weights, and the run."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cifarkit.data.batches import Batch, count_batches
from cifarkit.data.image_set import ImageSet
from cifarkit.data.near_duplicates import known_near_duplicates
from cifarkit.data.splits import Splits, check_splits
from cifarkit.errors import DataError, SelectionError
from cifarkit.models.contract import (
    check_answer,
    check_logits,
    check_network,
    layout_of,
    show_grey,
)
from cifarkit.models.dependence import compare_rebuilt, dependences
from cifarkit.models.gradients import check_trainable
from cifarkit.models.layout import choose_layout
from cifarkit.models.state import check_state
from cifarkit.models.symptoms import symptoms
from cifarkit.models.user_code import is_user_code
from cifarkit.models.variant import Variant
from cifarkit.randomness import seeded
from cifarkit.recipes.recipe import Recipe
from cifarkit.runs.environment import describe_environment
from cifarkit.runs.facts import Facts
from cifarkit.runs.run import Run
from cifarkit.runs.state import TrainingState
from cifarkit.training.batch_errors import explained_batch
from cifarkit.training.callback import Callback, may_intervene, qualified_name, settings_of
from cifarkit.training.engine.device import precision_of
from cifarkit.training.engine.engine import Engine
from cifarkit.training.engine.out_of_memory import explained_shortage
from cifarkit.training.epoch_batches import batches_of
from cifarkit.training.freezing import check_groups, weights_to_train
from cifarkit.training.optimizer import build_optimizer
from cifarkit.warn import warn

__all__ = ["initialise", "validate"]


def validate(
    model: nn.Module,
    splits: Splits,
    variant: Variant | None,
    *,
    engine: Engine,
    seed: int,
    callbacks: Sequence[Callback],
    run_dir: Path | None,
) -> Run:
    """Check a network and its data, and make their run; do not change the weights.

    Args:
        model: the network; moved to the device, in the layout that it runs fastest in.
        splits: the data.
        variant: what the model was built from, for the records.
        engine: the engine of the training; only the first of several processes gets the folder.
        seed: the seed of the training.
        callbacks: the callbacks of the training.
        run_dir: the run's folder, if it has one.

    Raises:
        DataError: these are not splits.
        ModelContractError: the network does not give one logit per class, also for a single
            picture, or its state holds more than tensors.
    """
    if isinstance(model, Splits):
        raise DataError("network and data are swapped; write ck.Trainer().fit(network, data)")
    check_splits(splits)
    who = f"{variant.name!r} ({variant.source})" if variant else "the model"
    check_network(model)
    model.to(engine.device)
    check_logits(model, len(splits.classes), who)
    check_answer(show_grey(model, who, n=1), 1, len(splits.classes), who)
    choose_layout(model)
    check_state(model, who)
    return Run(
        model,
        classes=splits.classes,
        recipe=engine.recipe,
        seed=seed,
        variant=variant,
        folder=run_dir if engine.distributed.rank == 0 else None,
        facts=_facts(engine, callbacks, model, splits),
    )


def initialise(run: Run, splits: Splits, engine: Engine) -> None:
    """Give a network its first weights, and the run its optimiser and the rest of its state.

    Warns about faults of the network; see `symptoms`.

    Args:
        run: the run from `validate`.
        splits: the data; moved to the device.
        engine: the engine of the training.

    Raises:
        ModelContractError: the network does not take its batches, or cannot learn.
        OutOfMemoryError: the first batch is too large for this machine's memory.
        RecipeError: the schedule returns an invalid rate for the first or last step of an epoch,
            `build` does not return a torch optimiser, or the groups do not fit the network.
        SelectionError: the schedule depends on the val loss, and there is no val set.
        TrainingError: a process would get too few images.
    """
    recipe, model = run.recipe, run.model
    who = repr(run.variant.name) if run.variant else "the model"
    splits = _on_device(splits, engine.device)
    batches = _batches_by_size(run, splits.train)
    batch = batches[0]
    engine.distributed.check_sizes(splits, recipe.batch_size)
    labels, classes = splits.train.labels, len(splits.classes)
    engine.loss_function = recipe.loss.for_training_set(labels, classes)
    steps = count_batches(len(splits.train), recipe.batch_size)
    _check_rates(recipe, steps, has_val=splits.val is not None)
    shown = {batch.images.shape[-1] for batch in batches}
    if recipe.test_time is not None:
        shown.add(recipe.test_time.size)
    for side in sorted(shown - {32}):  # at 32 it was checked before
        check_logits(model, len(splits.classes), who, side=side)
    if recipe.initialization is not None:
        with seeded("initialization", run.seed):
            recipe.initialization(model, splits.train.images)
    check_trainable(model, who)
    check_groups(model, recipe.groups)
    weights = weights_to_train(model, recipe.groups)
    if engine.distributed.rank == 0:
        for symptom in _symptoms(run, batch):
            warn(f"{who}: {symptom}")
    run.facts.parameters = sum(weight.numel() for weight in weights.values())
    run.facts.warm_up_seconds = _warm_up(engine, model, batches)
    run.begin(TrainingState(splits, build_optimizer(recipe, weights), steps))


def _check_rates(recipe: Recipe, steps: int, *, has_val: bool) -> None:
    """Refuse a schedule with an invalid rate, at both ends of every epoch."""
    if recipe.schedule.needs_val and not has_val:
        raise SelectionError(
            f"{recipe.schedule!r} depends on the val loss, and the data was loaded with "
            "val_size=0; load it with a val set, or write schedule=ck.Step(every=30, factor=0.1)"
        )
    for epoch in range(recipe.epochs):
        for progress in (epoch, epoch + (steps - 1) / steps):
            recipe.schedule.rate(progress, recipe.epochs, recipe.optimizer.lr)


def _symptoms(run: Run, batch: Batch) -> list[str]:
    with (
        explained_shortage(run.recipe.batch_size, run.folder),
        explained_batch(run, batch, "its first batch"),
    ):
        found = symptoms(run.model, batch.images, batch.targets)
        others = dependences(run.model, batch.images)
    found += others
    if run.variant is None or not run.variant.is_user_code or others:
        return found
    with seeded("rebuilt", run.seed):
        rebuilt = run.variant.build(num_classes=len(run.classes))
    return found + compare_rebuilt(run.model, rebuilt, batch.images)


def _batches_by_size(run: Run, train: ImageSet) -> list[Batch]:
    """Return the first batch of the first epoch, and one for each other size of pictures."""

    def of_epoch(epoch: int) -> Batch:
        return next(batches_of(run, train, epoch))

    recipe = run.recipe
    first, last = of_epoch(0), of_epoch(recipe.epochs - 1)
    batches = {first.images.shape: first, last.images.shape: last}
    may_vary = len(batches) > 1 or any(map(is_user_code, map(type, recipe.augment)))
    if may_vary:  # then check all epochs, or, of very many, a hundred or two
        for epoch in range(1, recipe.epochs - 1, max(1, recipe.epochs // 100)):
            batch = of_epoch(epoch)
            batches.setdefault(batch.images.shape, batch)
    return list(batches.values())


def _warm_up(engine: Engine, model: nn.Module, batches: list[Batch]) -> float:
    """Compile for each size of pictures, if asked for; return the seconds it took."""
    if not engine.compiles:
        return 0.0
    began = time.perf_counter()
    engine.warm_up(model, batches)
    return time.perf_counter() - began


def _facts(
    engine: Engine, callbacks: Sequence[Callback], model: nn.Module, splits: Splits
) -> Facts:
    precision = precision_of(model, engine.recipe, engine.device)
    return Facts(
        network=_digest(model),
        data=splits.describe() | _near_duplicates(splits),
        precision=str(precision).removeprefix("torch."),
        compile=engine.compile,
        layout=str(layout_of(model)).removeprefix("torch."),
        processes=engine.distributed.count,
        track_test=engine.track_test,
        logged_columns=[name for callback in callbacks for name in callback.columns],
        callbacks=[settings_of(callback) for callback in callbacks],
        listeners=[
            {**callback.to_json(), "kind": qualified_name(callback)} for callback in callbacks
        ],
        intervening=[qualified_name(callback) for callback in callbacks if may_intervene(callback)],
        environment=describe_environment(engine.device),
    )


def _near_duplicates(splits: Splits) -> dict[str, Any]:
    """Return how many test pictures have a near-duplicate, if that was searched before."""
    near = known_near_duplicates(splits.fingerprint)
    if near is None:
        return {}
    return {"near_duplicates": {"test": len(near), "threshold": near.threshold}}


def _digest(model: nn.Module) -> str:
    """Return a short hash of a network's repr, without addresses in memory."""
    layers = re.sub(r"0x[0-9a-fA-F]+", "", repr(model))
    return hashlib.sha256(layers.encode()).hexdigest()[:12]


def _on_device(splits: Splits, device: torch.device) -> Splits:
    val = None if splits.val is None else splits.val.to(device)
    return dataclasses.replace(
        splits, train=splits.train.to(device), val=val, test=splits.test.to(device)
    )
