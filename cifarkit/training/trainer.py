"""The training loop: twelve lines a student could have written, and seven places to listen.

The law of this file: in float32, `Trainer.fit` leaves the weights bit-identical to a bare
PyTorch loop over the same batches at the same seed. `tests/training/test_trainer.py` holds it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from cifarkit.data.batches import count_batches, training_batches
from cifarkit.data.image_set import ImageSet
from cifarkit.data.splits import Splits, check_seed, check_splits
from cifarkit.errors import CheckpointError, ModelContractError, RecipeError
from cifarkit.evaluation.evaluation import evaluate
from cifarkit.models.contract import check_logits, check_module
from cifarkit.models.variant import Variant
from cifarkit.randomness import preserved, seed_for
from cifarkit.recipes.recipe import Recipe
from cifarkit.training.bookkeeping import recorded, save
from cifarkit.training.callback import Callback, check_callbacks, notify
from cifarkit.training.device import choose_device, choose_precision
from cifarkit.training.environment import describe_environment
from cifarkit.training.history import Record
from cifarkit.training.run import Moment, Run
from cifarkit.training.running_sums import RunningSums

__all__ = ["Trainer"]


class Trainer:
    """Train networks by a recipe.

    One training at a time in a process: dropout draws from torch's global generators, which two
    threads would share.

    Args:
        recipe: how to train; the assignment's way when None.
        seed: of order, augmentation and dropout.
        device: `"auto"` (CUDA, else MPS, else the CPU) or a torch device.
        callbacks: who listens, in this order.
        run_dir: this run's own folder, made and filled as training goes; nothing is written
            when None.
        track_test: record test loss and accuracy each epoch too. They are for looking at;
            nothing can select by them.

    Raises:
        DataError: the seed is not a whole number from 0 on.
        RecipeError: the recipe is none.
        TrainingError: the device cannot be used here.
        TypeError: a callback is none.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.models.registry import create_model
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> run = Trainer(Recipe(epochs=2)).fit(create_model("linear"), data)
    >>> run
    Run('Sequential', seed 0, 2 epochs, finished)
    """

    def __init__(
        self,
        recipe: Recipe | None = None,
        *,
        seed: int = 0,
        device: str | torch.device = "auto",
        callbacks: Iterable[Callback] = (),
        run_dir: str | Path | None = None,
        track_test: bool = False,
    ) -> None:
        check_seed("seed", seed)
        if not isinstance(recipe, Recipe | None):
            raise RecipeError(f"recipe must be a Recipe, as Recipe(epochs=3), found {recipe!r}")
        self.recipe = Recipe() if recipe is None else recipe
        self.seed = int(seed)
        self.device = choose_device(device)
        self.callbacks = check_callbacks(callbacks)
        self.run_dir = None if run_dir is None else Path(run_dir).expanduser()
        self.track_test = track_test

    def fit(
        self,
        model: nn.Module,
        splits: Splits,
        *,
        resume: bool = False,
        variant: Variant | None = None,
    ) -> Run:
        """Train a network.

        Args:
            model: from `batch 3 32 32` to logits `batch classes`; trained in place, and moved to
                the trainer's device.
            splits: the data; augmentation reaches train alone.
            resume: take up a run that was cut off. Not in this version: an error.
            variant: what the model was built from, for the records.

        Returns:
            The run, with its history; the model in evaluation mode.

        Raises:
            ModelContractError: the network does not give one logit per class.
            RunFolderError: `run_dir` holds a run already, or cannot be written.
            SelectionError: a callback would select by what is not there or must not select.
            NonFiniteLossError: the loss became NaN or infinite.
            CallbackError: a callback raised.
        """
        if resume:
            raise CheckpointError(
                "resume=True is not in this version; start a new run, in another run_dir"
            )
        run = self._prepare(model, splits, variant)
        splits = run.now.splits
        with preserved(), recorded(run), ExitStack() as ends:
            for callback in self.callbacks:
                notify(callback, "on_fit_start", run)
                ends.callback(notify, callback, "on_fit_end", run)
            for run.now.epoch in range(self.recipe.epochs):
                run.now.logged = {}
                begin = time.perf_counter()
                self._notify("on_epoch_start", run)
                record: Record = {"epoch": run.now.epoch + 1, **self._train_one_epoch(run)}
                if splits.val is not None:
                    record |= _measure("val", run.model, splits.val)
                if self.track_test:
                    record |= _measure("test", run.model, splits.test)
                record |= {"lr": run.now.optimizer.param_groups[0]["lr"]}
                record |= {"seconds": time.perf_counter() - begin} | run.logged_means()
                run.history.append(record)
                self._notify("on_epoch_end", run)
                save(run)
                if run.stopped:
                    break
        return run

    def _train_one_epoch(self, run: Run) -> Record:
        """Go once through the training images; return loss and accuracy over those images."""
        now, recipe, model = run.now, self.recipe, run.model
        device_type, dtype = self.device.type, choose_precision(recipe, self.device)
        sums = RunningSums(self.device)
        model.train()
        batches = training_batches(
            now.splits.train,
            recipe.batch_size,
            seed=self.seed,
            epoch=now.epoch,
            augment=recipe.augment,
        )
        for now.step, now.batch in enumerate(batches):
            self._set_rate(now)
            self._notify("on_batch_start", run)
            images, targets = now.batch
            torch.manual_seed(seed_for("dropout", self.seed, now.epoch, now.step))
            with torch.autocast(device_type, dtype, enabled=dtype != torch.float32):
                logits = model(images)
                now.loss = F.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
            sums.add(now, now.loss, logits, targets)
            now.optimizer.zero_grad()
            now.loss.backward()
            self._notify("on_backward_end", run)
            now.optimizer.step()
            self._notify("on_batch_end", run)
            if run.stopped:
                break
        return sums.means()

    def _set_rate(self, now: Moment) -> None:
        recipe = self.recipe
        place = now.epoch + now.step / now.steps_per_epoch
        rate = recipe.schedule.rate(place, recipe.epochs, recipe.optimizer.lr)
        for group in now.optimizer.param_groups:
            group["lr"] = rate

    def _notify(self, hook: str, run: Run) -> None:
        for callback in self.callbacks:
            notify(callback, hook, run)

    def _prepare(self, model: nn.Module, splits: Splits, variant: Variant | None) -> Run:
        check_splits(splits)
        who = f"{variant.name!r} ({variant.source})" if variant else "the model"
        check_module(model, who)
        model.to(self.device)
        check_logits(model, len(splits.classes), who)
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        if not weights:
            raise ModelContractError(f"{who} has no trainable parameters, so nothing can be learnt")
        facts: dict[str, Any] = {
            "status": "running",
            "data": splits.describe(),
            "parameters": sum(weight.numel() for weight in weights),
            "precision": str(choose_precision(self.recipe, self.device)).removeprefix("torch."),
            "track_test": self.track_test,
            "logged_columns": [name for callback in self.callbacks for name in callback.columns],
            "environment": describe_environment(self.device),
        }
        run = Run(
            model,
            classes=splits.classes,
            recipe=self.recipe,
            seed=self.seed,
            variant=variant,
            folder=self.run_dir,
            facts=facts,
        )
        run.moment = Moment(
            splits=_on_device(splits, self.device),
            optimizer=self.recipe.optimizer.build(weights),
            steps_per_epoch=count_batches(len(splits.train), self.recipe.batch_size),
        )
        return run


def _measure(part: str, model: nn.Module, image_set: ImageSet) -> Record:
    evaluation = evaluate(model, image_set)
    return {f"{part}_loss": evaluation.loss, f"{part}_accuracy": evaluation.accuracy}


def _on_device(splits: Splits, device: torch.device) -> Splits:
    val = None if splits.val is None else splits.val.to(device)
    return dataclasses.replace(
        splits, train=splits.train.to(device), val=val, test=splits.test.to(device)
    )
