"""The training loop: a step as a student would write it, and seven places to listen.

The law of this file: in float32, `Trainer.fit` leaves the weights bit-identical to a bare
PyTorch loop over the same batches at the same seed. `tests/training/test_trainer.py` holds it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cifarkit.arguments import check_seed, checked_flag
from cifarkit.data.batches import Batch
from cifarkit.data.splits import Splits
from cifarkit.errors import CheckpointError, TrainingError
from cifarkit.guidance import Guided, explains_arguments
from cifarkit.models.gradients import gradients_enabled
from cifarkit.models.variant import Variant
from cifarkit.randomness import preserved, seed_for, seed_generators
from cifarkit.recipes.recipe import Recipe, checked_recipe
from cifarkit.storage.folders import expanded
from cifarkit.training.batch_errors import explained_batch
from cifarkit.training.bookkeeping import recorded, save, save_checkpoint
from cifarkit.training.callback import Callback, check_callbacks, notify
from cifarkit.training.device import arithmetic, choose_device, choose_precision
from cifarkit.training.folder_lock import kept
from cifarkit.training.forward import Compile, choose_forward
from cifarkit.training.history import Record
from cifarkit.training.interruption import noticed_interruptions
from cifarkit.training.memory import kept_memory
from cifarkit.training.out_of_memory import explained_shortage
from cifarkit.training.preparation import batches_of, begin, prepare
from cifarkit.training.processes import join_processes
from cifarkit.training.progress.progress import ShowProgress, end_call, with_progress
from cifarkit.training.rates import set_rates
from cifarkit.training.resuming import read_past, take_up, take_up_callbacks
from cifarkit.training.run import Run
from cifarkit.training.run_folder import RunFolder
from cifarkit.training.running_sums import RunningSums, count_hits
from cifarkit.training.step_choice import choose_step, may_record

__all__ = ["Trainer"]


class Trainer(Guided):
    """Train networks by a recipe.

    One training at a time in a process: dropout draws from torch's global generators, which two
    threads would share.

    Args:
        recipe: how to train; the assignment's way when None.
        seed: of order, augmentation and dropout.
        device: `"auto"` (CUDA, else MPS, else the CPU) or a torch device.
        callbacks: who listens, in this order.
        run_dir: this run's own folder, filled as training goes; nothing is written when None.
        track_test: record test loss and accuracy each epoch too. They are for looking at;
            cifarkit's own callbacks refuse to select by them.
        compile: `"on"` compiles the way from batch to loss, and on CUDA records steps, to play
            them again; `"auto"` records alone, and not in strict float32; `"off"` does neither.
            The run's facts say what it took (`warm_up_seconds`), and `steps_recorded`.
        show_progress: True, False, or `"auto"`, which is in notebooks and on terminals.

    Raises:
        DataError: the seed is not a whole number from 0 on.
        RecipeError: the recipe is none.
        TrainingError: the device cannot be used here; `track_test` or `compile` is none of theirs.
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
        compile: Compile = "auto",
        show_progress: ShowProgress = "auto",
    ) -> None:
        check_seed("seed", seed)
        self.recipe = checked_recipe(recipe)
        self.seed = int(seed)
        self.device = choose_device(device)
        self.callbacks = check_callbacks(callbacks)
        self.listeners = with_progress(self.callbacks, show_progress)
        self.run_dir = None if run_dir is None else expanded(run_dir)
        self.track_test = checked_flag("track_test", track_test, error=TrainingError)
        self.precision = choose_precision(self.recipe, self.device)
        self.compile, self.forward = compile, choose_forward(compile)
        self.may_record = may_record(compile, self.device, self.precision)
        self.arithmetic = partial(arithmetic, self.device, self.precision)
        self._is_training = False

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse to change a trainer: its parts fit each other, and runs record what they were."""
        if "_is_training" in vars(self) and name != "_is_training":
            raise TrainingError(f"a trainer's {name} stays as it was made; make another ck.Trainer")
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
            splits: the data; augmentation reaches train alone.
            resume: go on with the run in `run_dir`, from its newest checkpoint; begin it when there
                is none, and read it when it is over. So a script may always say True. One that is
                over goes on where the recipe has more epochs and its rates were the same so far.
            variant: what the model was built from, for the records.

        Returns:
            The run, with its history; the model in evaluation mode. In a notebook after Ctrl-C too.

        Raises:
            CheckpointError: `resume` is no bool, has no `run_dir`, or the run there does not fit.
            RecipeError: the schedule gives what is no rate.
            KeyboardInterrupt: Ctrl-C or SIGTERM; the step is finished and saved, but for a second.
            ModelContractError: the network does not give one logit per class, or cannot be trained.
            RunFolderError: `run_dir` holds a run, cannot be written, or is in use.
            SelectionError: a callback would select by what is not there or must not select.
            NonFiniteLossError: the loss became NaN or infinite.
            TrainingError: this trainer is training already, or a step cannot be recorded.
            OutOfMemoryError: the batches are too large for this machine's memory.
            CallbackError: a callback raised.
        """
        if checked_flag("resume", resume, error=CheckpointError) and self.run_dir is None:
            raise CheckpointError("resume=True needs run_dir=, the folder of the run to go on with")
        with ExitStack() as ends:
            ends.enter_context(self._one_at_a_time())
            ends.enter_context(explained_shortage(self.recipe.batch_size, self.run_dir))
            ends.enter_context(kept_memory())
            processes = join_processes(self.device)
            ends.enter_context(gradients_enabled())
            ends.enter_context(preserved())
            interruption = ends.enter_context(noticed_interruptions())
            run = prepare(self, model, splits, variant, processes)
            folder = None if run.folder is None else RunFolder(run.folder)
            ends.enter_context(kept(folder, go_on=resume))
            past = None
            if resume and self.run_dir is not None:
                past = read_past(self.run_dir, run, self.callbacks, splits.train)
            if isinstance(past, Run):
                run = past
            else:
                begin(self, run, splits, processes, interruption)
                self._train(run, past)
        end_call(run, interruption, self.listeners)
        return run

    def _train(self, run: Run, past: dict[str, Any] | None) -> None:
        """Go through all epochs, or through those that the past has left."""
        seed_generators(seed_for("fit", self.seed))
        run.model.train()
        with ExitStack() as ends:
            if past is not None:
                take_up(run, past)
            ends.enter_context(recorded(run))
            for callback in self.listeners:
                notify(callback, "on_fit_start", run)
                ends.callback(notify, callback, "on_fit_end", run)
            ends.callback(run.now.average.install)  # before a callback gives other weights back
            if past is not None:
                take_up_callbacks(run, self.callbacks, past)
            save(run)
            first_epoch = run.now.epoch
            for run.now.epoch in range(first_epoch, self.recipe.epochs):
                sums = self._train_one_epoch(run)
                if run.now.interrupted and run.stopped is None:
                    save_checkpoint(run, self.callbacks, run.now.epoch, run.now.step + 1)
                    break
                self._close_epoch(run, sums)
                if self._is_over(run):
                    break

    def _train_one_epoch(self, run: Run) -> RunningSums:
        """Go once through the training images, or through the rest of them; return the sums."""
        now, recipe, first_step = run.now, self.recipe, run.now.first_step
        sums = now.sums
        if sums is None:  # else the epoch is taken up in its middle
            sums = now.sums = RunningSums(run.model, self.device)
            now.logged, now.began = {}, time.perf_counter()
            if not run.model.training:  # layers that a callback holds in evaluation mode stay so
                run.model.train()
            self._notify("on_epoch_start", run)
        now.make_step = choose_step(self, run)
        batches = batches_of(
            now.splits.train,
            recipe,
            run.model,
            seed=self.seed,
            epoch=now.epoch,
            first_step=first_step,
        )
        now.step, now.first_step = first_step - 1, 0
        for now.step, now.batch in enumerate(batches, start=first_step):
            set_rates(now, recipe)
            self._notify("on_batch_start", run)
            now.processes.seed_step(self.device, self.seed, now.epoch, now.step)
            with explained_batch(run, now.batch, f"batch {now.step + 1} of epoch {now.epoch + 1}"):
                now.loss, hits = now.make_step(now.batch)
            sums.add(now, now.loss, hits, len(now.processes.share(now.batch).images))
            now.average.update()
            now.has_stepped = True
            self._notify("on_batch_end", run)
            if self._is_over(run):
                break
            if now.checkpoint_wanted and now.step + 1 < now.steps_per_epoch:
                save_checkpoint(run, self.callbacks, now.epoch, now.step + 1)
        return sums

    def make_step(self, run: Run, batch: Batch) -> tuple[Tensor, Tensor]:
        """Make one step; return the loss, and how many images got their own label."""
        now, share = run.now, run.now.processes.share(batch)
        with self.arithmetic():
            loss, logits = self.forward(now.network, share, self.recipe.label_smoothing)
        now.loss = loss.detach()
        if now.sums is not None:
            now.sums.look(now, now.loss)
        now.optimizer.zero_grad()
        now.processes.weighed(loss, share, batch).backward()
        self._notify("on_backward_end", run)
        now.optimizer.step()
        return now.loss, count_hits(logits, share.targets)

    def _close_epoch(self, run: Run, sums: RunningSums) -> None:
        """Measure what the epoch has brought, and write it down."""
        now = run.now
        record: Record = {"epoch": now.epoch + 1, **sums.means(now)}
        now.sums = None
        with now.average.in_place():
            record |= self._measure(run)
            record |= {"lr": float(now.optimizer.param_groups[0]["lr"])}
            record |= {"seconds": time.perf_counter() - now.began} | run.logged_means()
            run.history.append(record)
            self._notify("on_epoch_end", run)
        if run.stopped is None:
            save_checkpoint(run, self.callbacks, now.epoch + 1, 0)
        else:
            save(run)

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Refuse a training within one, as from a hook: its callbacks would begin anew."""
        if self._is_training:
            raise TrainingError(
                "this trainer is training already; give the other network a Trainer of its own"
            )
        self._is_training = True
        try:
            yield
        finally:
            self._is_training = False

    def _measure(self, run: Run) -> Record:
        """Return loss and accuracy on val, and on test where that is tracked."""
        splits = run.now.splits
        record: Record = {}
        if splits.val is not None:
            record |= run.now.processes.measure("val", run.model, splits.val)
        if self.track_test:
            record |= run.now.processes.measure("test", run.model, splits.test)
        return record

    def _is_over(self, run: Run) -> bool:
        """Let what any process was told hold for all; tell whether that is to end."""
        now = run.now
        flags = run.stopped is not None, now.interruption.asked, now.checkpoint_wanted
        stopped, now.interrupted, now.checkpoint_wanted = now.processes.any(*flags)
        if stopped:
            run.stop("it was stopped in another process")
        return stopped or now.interrupted

    def _notify(self, hook: str, run: Run) -> None:
        for callback in self.listeners:
            notify(callback, hook, run)
