"""The trainer: it holds the settings and assembles a training, which `loop` runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cifarkit.arguments import Seed, checked
from cifarkit.data.splits import Splits
from cifarkit.data.test_reads import TestReads
from cifarkit.errors import CheckpointError, TrainingError
from cifarkit.guidance import Guided, explains_arguments
from cifarkit.models.variant import Variant
from cifarkit.randomness import seed_for, seed_generators
from cifarkit.recipes.recipe import Recipe, checked_recipe
from cifarkit.runs.facts import is_user_code
from cifarkit.runs.folder import RunFolder
from cifarkit.runs.run import Run
from cifarkit.runs.run_lock import run_lock
from cifarkit.storage.folders import expanded
from cifarkit.training.callback import Callback, Callbacks, check_callbacks, qualified_name
from cifarkit.training.engine.device import choose_device
from cifarkit.training.engine.engine import Engine
from cifarkit.training.engine.forward import Compile, checked_compile
from cifarkit.training.engine.out_of_memory import explained_shortage
from cifarkit.training.former_callbacks import moved_to_recipe
from cifarkit.training.ledger import Ledger
from cifarkit.training.loop import Loop
from cifarkit.training.process import training_process
from cifarkit.training.progress.progress import ShowProgress, end_call, with_progress
from cifarkit.training.resuming import load_checkpoint, restore, restore_callbacks
from cifarkit.training.start import initialise, validate
from cifarkit.training.weight_average import WeightAverage

__all__ = ["Trainer"]


class Trainer(Guided):
    """Train networks by a recipe.

    Only one training can run in a process at a time, because dropout draws from torch's global
    generators, which threads share.

    Args:
        recipe: how to train; the assignment's way when None.
        seed: the seed of order, augmentation and dropout.
        device: `"auto"` (CUDA, else MPS, else the CPU) or a torch device.
        callbacks: the callbacks, called in this order.
        run_dir: this run's own folder, filled as training goes; nothing is written when None.
        track_test: whether to record test loss and accuracy each epoch too. They are only to look
            at; cifarkit's callbacks refuse to select by them.
        compile: `"on"` compiles the forward pass, and on CUDA captures each step as a graph. It
            trusts that your own layers do the same every time. `"auto"` only captures, in bfloat16,
            and only networks of torch's and cifarkit's layers. `"off"` does neither. The run's
            facts have `warm_up_seconds`, the time of compiling, and `steps_captured`.
        show_progress: True, False, or `"auto"`: in notebooks and on terminals.

    Raises:
        DataError: the seed is not a whole number from 0 on.
        RecipeError: `recipe` is not a recipe.
        TrainingError: the device cannot be used here, or `track_test` or `compile` is not one of
            its values.
        TypeError: a callback is not a `ck.Callback`.

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
        compile: Compile = "auto",
        show_progress: ShowProgress = "auto",
    ) -> None:
        checked("seed", seed, Seed)
        recipe = checked_recipe(recipe)
        callbacks, moved = moved_to_recipe(callbacks, {}, [recipe])
        self.recipe = recipe.replace(**moved)
        self.seed = int(seed)
        self.device = choose_device(device)
        self.callbacks = check_callbacks(callbacks)
        self.listeners = with_progress(self.callbacks, show_progress)
        self.run_dir = None if run_dir is None else expanded(run_dir)
        self.track_test = checked("track_test", track_test, bool, error=TrainingError)
        self.compile = checked_compile(compile)
        self._is_training = False

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse to change a trainer: its settings depend on each other, and runs record them."""
        if "_is_training" in vars(self) and name != "_is_training":
            raise TrainingError(f"a trainer's {name} cannot be changed; make another ck.Trainer")
        super().__setattr__(name, value)

    @explains_arguments("Trainer.fit")
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
            model: from `batch 3 32 32` to logits `batch classes`; trained in place, on the device.
            splits: the data; only train is augmented.
            resume: whether to resume the run in `run_dir` from its newest checkpoint. If there is
                none, the run begins; if it is over, it is read. So a script may always say True. A
                run that is over is trained further if the recipe has more epochs, and the same
                rates so far.
            variant: what the model was built from, for the records.

        Returns:
            The run, with its history and its model in evaluation mode; in a notebook also after
            Ctrl-C.

        Raises:
            CheckpointError: `resume` is not a bool or has no `run_dir`, or the run there differs.
            RecipeError: the schedule returns an invalid rate, or groups do not fit the network.
            KeyboardInterrupt: Ctrl-C or SIGTERM; the step is finished and saved, unless there is a
                second signal.
            ModelContractError: the network does not give one logit per class, or cannot be trained.
            RunFolderError: `run_dir` holds a run, cannot be written, or is in use by another
                program.
            SelectionError: a callback would select by a column that is not there, or must not
                select.
            NonFiniteLossError: the loss became NaN or infinite.
            TrainingError: this trainer is training already, or a step cannot be captured.
            OutOfMemoryError: the batches are too large for this machine's memory.
            CallbackError: a callback raised.
        """
        if checked("resume", resume, bool, error=CheckpointError) and self.run_dir is None:
            raise CheckpointError("resume=True needs run_dir=, the folder of the run to resume")
        with (
            self._one_at_a_time(),
            explained_shortage(self.recipe.batch_size, self.run_dir),
            training_process() as interruption,
            Engine(self.recipe, self.device, self.compile, track_test=self.track_test) as engine,
        ):
            run = validate(
                model,
                splits,
                variant,
                engine=engine,
                seed=self.seed,
                callbacks=self.callbacks,
                run_dir=self.run_dir,
            )
            if is_user_code(qualified_name(self)):  # a subclass may do anything
                run.facts.intervening.append(qualified_name(self))
            folder = None if run.folder is None else RunFolder(run.folder)
            with run_lock(folder, go_on=resume), TestReads(splits.test) as run.facts.test_read_by:
                checkpoint = None
                if resume and self.run_dir is not None:
                    checkpoint = load_checkpoint(self.run_dir, run, self.callbacks, splits.train)
                if isinstance(checkpoint, Run):  # it is over
                    run, checkpoint = checkpoint, None
                interruption.tell(run.interrupt)
                if not run.is_over:
                    initialise(run, splits, engine)
                    self._train(run, engine, checkpoint)
        end_call(run, self.listeners)
        return run

    def _train(self, run: Run, engine: Engine, checkpoint: dict[str, Any] | None) -> None:
        """Train a run from its beginning or from a checkpoint."""
        average = WeightAverage(run.model, self.recipe.ema_decay)
        ledger = Ledger(run, engine, average, self.callbacks)
        listeners = Callbacks(self.listeners, engine.distributed.rank)
        seed_generators(seed_for("fit", self.seed))
        run.model.train()
        engine.freezing.follow(run.model, math.inf)  # others in their epochs, after callbacks
        if checkpoint is not None:
            restore(ledger, checkpoint)
        with (
            ledger.kept(),
            listeners.listening(run),
            average.at_the_end(),
        ):
            if checkpoint is not None:
                restore_callbacks(run, self.callbacks, checkpoint)
            ledger.save()
            Loop(run, engine, ledger, average, listeners).train()

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Refuse a training inside a training, such as in a hook: its callbacks would be reset."""
        if self._is_training:
            raise TrainingError(
                "this trainer is training already; make another ck.Trainer for the other network"
            )
        self._is_training = True
        try:
            yield
        finally:
            self._is_training = False
