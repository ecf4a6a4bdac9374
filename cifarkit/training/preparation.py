"""Everything before the first step: checks, first weights, and the run that will be told about."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from cifarkit.data.batches import Batch, count_batches, training_batches
from cifarkit.data.splits import Splits, check_splits
from cifarkit.errors import ModelContractError
from cifarkit.models.contract import check_logits, check_module
from cifarkit.models.variant import Variant
from cifarkit.randomness import seeded
from cifarkit.training.environment import describe_environment
from cifarkit.training.forward import warm_up
from cifarkit.training.interruption import Interruption
from cifarkit.training.processes import Processes
from cifarkit.training.run import Moment, Run
from cifarkit.training.weight_average import WeightAverage

if TYPE_CHECKING:
    from cifarkit.training.trainer import Trainer

__all__ = ["initialize", "prepare"]


def prepare(
    trainer: Trainer,
    model: nn.Module,
    splits: Splits,
    variant: Variant | None,
    processes: Processes,
    interruption: Interruption,
) -> Run:
    """Check a network and its data, and make its run; the weights stay as they are.

    Args:
        trainer: whose recipe, seed and device to prepare for.
        model: the network; moved to the device in the layout that convolutions run fastest on.
        splits: the data.
        variant: what the model was built from, for the records.
        processes: that train it together; the first alone keeps a folder.
        interruption: that the run looks at after each step.

    Raises:
        DataError: these are no splits.
        ModelContractError: the network does not give one logit per class, or learns nothing.
    """
    check_splits(splits)
    recipe, device = trainer.recipe, trainer.device
    who = f"{variant.name!r} ({variant.source})" if variant else "the model"
    check_module(model, who)
    model.to(device).to(memory_format=torch.channels_last)
    check_logits(model, len(splits.classes), who)
    splits = _on_device(splits, device)
    batch = _first_batch(trainer, splits)
    processes.check_sizes(splits, recipe.batch_size)
    check_logits(model, len(splits.classes), who, side=batch.images.shape[-1])
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if not weights:
        raise ModelContractError(f"{who} has no trainable parameters, so nothing can be learnt")
    with trainer.arithmetic():
        warm_up_seconds = warm_up(trainer.forward, model, batch, recipe.label_smoothing)
    run = Run(
        model,
        classes=splits.classes,
        recipe=recipe,
        seed=trainer.seed,
        variant=variant,
        folder=trainer.run_dir if processes.rank == 0 else None,
        facts={
            **_facts(trainer, splits, processes),
            "parameters": sum(weight.numel() for weight in weights),
            "warm_up_seconds": warm_up_seconds,
        },
    )
    optimizer = recipe.optimizer.build(weights)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]  # what the schedule starts from, as torch names it
    run.moment = Moment(
        splits=splits,
        optimizer=optimizer,
        steps_per_epoch=count_batches(len(splits.train), recipe.batch_size),
        network=processes.wrap(model),
        processes=processes,
        average=WeightAverage(model, recipe.ema_decay),
        interruption=interruption,
    )
    return run


def initialize(run: Run) -> None:
    """Give the network the first weights of the recipe, where it has some."""
    if run.recipe.initialization is not None:
        with seeded("initialization", run.seed):
            run.recipe.initialization(run.model, run.now.splits.train.images)


def _first_batch(trainer: Trainer, splits: Splits) -> Batch:
    recipe = trainer.recipe
    batches = training_batches(
        splits.train, recipe.batch_size, seed=trainer.seed, epoch=0, augment=recipe.augment
    )
    return next(batches)


def _facts(trainer: Trainer, splits: Splits, processes: Processes) -> dict[str, Any]:
    return {
        "status": "running",
        "data": splits.describe(),
        "precision": str(trainer.precision).removeprefix("torch."),
        "processes": processes.count,
        "track_test": trainer.track_test,
        "logged_columns": [name for one in trainer.callbacks for name in one.columns],
        "environment": describe_environment(trainer.device),
    }


def _on_device(splits: Splits, device: torch.device) -> Splits:
    val = None if splits.val is None else splits.val.to(device)
    return dataclasses.replace(
        splits, train=splits.train.to(device), val=val, test=splits.test.to(device)
    )
