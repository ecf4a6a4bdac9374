"""Count, record and save a training, so that it can resume."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from cifarkit.errors import CallbackError
from cifarkit.models.state import versions_of
from cifarkit.randomness import generator_states
from cifarkit.runs.checkpoint import CheckpointFiles
from cifarkit.runs.folder import RunFolder
from cifarkit.runs.history import Record
from cifarkit.runs.run import Run
from cifarkit.training.callback import Callback, qualified_name
from cifarkit.training.engine.engine import Engine
from cifarkit.training.learning_rate import main_rate
from cifarkit.training.longer import has_same_rates
from cifarkit.training.metrics import EpochMetrics
from cifarkit.training.weight_average import WeightAverage

__all__ = ["Ledger"]


class Ledger:
    """The records of one training: counts, history, checkpoints.

    Args:
        run: the run in training.
        engine: the engine that computes it.
        average: the average of its weights.
        callbacks: the user's callbacks, whose state is saved.
    """

    def __init__(
        self, run: Run, engine: Engine, average: WeightAverage, callbacks: Sequence[Callback]
    ) -> None:
        self.run, self.engine, self.average, self.callbacks = run, engine, average, callbacks
        self.folder = None if run.folder is None else RunFolder(run.folder)
        self.metrics: EpochMetrics  # of the epoch, from its first step on
        self.first_step = 0  # of the next epoch; above 0 if training resumes within it
        self.began = 0.0  # when the epoch began, on the clock of time.perf_counter
        self.has_stepped = False  # since training began or resumed

    def open_epoch(self) -> int:
        """Return the step that the epoch begins with."""
        first_step, self.first_step = self.first_step, 0
        if first_step == 0:
            self.metrics = EpochMetrics(self.run, self.engine.device, self.average)
            self.run.load_log({})
            self.began = time.perf_counter()
        self.run.state.step = max(first_step - 1, 0)
        return first_step

    def check_finite(self, loss: Tensor) -> None:
        """Refuse a loss that is NaN or infinite before its step; on an accelerator, later.

        Raises:
            NonFiniteLossError: the loss is NaN or infinite; the weights have not made this step.
        """
        self.metrics.check_finite(loss)

    def count(self, loss: Tensor, correct: Tensor) -> None:
        """Add a step: its mean loss, and how many of its images are classified correctly."""
        shard = self.engine.distributed.shard(self.run.state.batch)
        self.metrics.add(loss, correct, len(shard.images))
        self.has_stepped = True

    def close_epoch(self) -> Record:
        """Return the epoch's record so far: loss and accuracy over the training images.

        Raises:
            NonFiniteLossError: a loss or a weight is NaN or infinite; the weights are the ones from
                the start of the epoch.
        """
        means = self.metrics.means(self.engine.distributed)
        return {"epoch": self.run.state.epoch + 1, **means}

    def append(self, record: Record) -> None:
        """Put an epoch's record into the history, with the rate, the time, and what was logged."""
        record |= {"lr": main_rate(self.run.state.optimizer)}
        record |= {"seconds": time.perf_counter() - self.began}
        self.run.history.append(record | self.run.logged_means())

    def checkpoint_if_asked(self) -> None:
        """Write a checkpoint between two steps, if `run.checkpoint()` asked for one."""
        state = self.run.state
        if self.run.requests.checkpoint and state.step + 1 < state.steps_per_epoch:
            self.checkpoint(state.epoch, state.step + 1)

    def checkpoint(self, epoch: int, step: int) -> None:
        """Write a checkpoint; if several processes train, all of them must call this.

        A run that was stopped will not resume, so it is saved without a checkpoint.

        Args:
            epoch: the epoch of the next step, counted from 0.
            step: the next step within the epoch, counted from 0.

        Raises:
            RunFolderError: a file cannot be written; the checkpoints before are still there.
            CheckpointError: a callback's state holds something that cannot be saved.
            NonFiniteLossError: a loss of this epoch, or a weight, is NaN or infinite.
        """
        if self.run.stopped is None:
            metrics = None
            if step:  # at step 0 the epoch is closed, and its record is in the history
                self.metrics.check()
                metrics = self.metrics.state_dict(self.engine.distributed)
            self.run.requests.checkpoint = False
            if self.folder is not None:
                self.folder.save_checkpoint(self._state(epoch, step, metrics))
        self.save()

    def save(self) -> None:
        """Write facts and history of the run so far, if it has a folder.

        Raises:
            RunFolderError: a file cannot be written.
        """
        if self.folder is not None:
            self.folder.save(self.run)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the records of a training during a block, however the block ends.

        They are written at the beginning, and deleted if not one step was made. Then there was a
        mistake in the call, and the corrected call may use the folder. When the run is over,
        checkpoints are deleted, except the one from which it can be trained for more epochs.

        Raises:
            RunFolderError: the folder cannot be written.
        """
        run, folder = self.run, self.folder
        is_new = folder is not None and not folder.holds_run()
        run.facts.started = run.facts.started or time.strftime("%Y-%m-%dT%H:%M:%S%z")
        began = time.perf_counter() - (run.facts.seconds or 0.0)
        if is_new:  # a resumed run is not written until its callbacks are ready
            self.save()
        status = "failed"
        try:
            yield
            status = _how_it_ended(run)
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            run.facts.status, run.facts.seconds = status, time.perf_counter() - began
            keep_final = self._can_be_longer()
            run.model.eval()
            run.end()
            if folder is not None and (self.has_stepped or run.is_over):
                folder.save_weights(run.model)
                folder.save(run)
                if run.is_over:
                    CheckpointFiles(folder.path).close(keep_final=keep_final)
            elif folder is not None and is_new:
                folder.discard()

    def _can_be_longer(self) -> bool:
        run = self.run
        return run.status == "finished" and has_same_rates(
            run.recipe, run.recipe.epochs + 1, run.state.steps_per_epoch
        )

    def _state(self, epoch: int, step: int, metrics: dict[str, Any] | None) -> dict[str, Any]:
        """Return the state that a resumed run needs; see `checkpoint`."""
        run, state = self.run, self.run.state
        return {
            "about": run.describe(),
            "place": {"epoch": epoch, "step": step},
            "history": list(run.history),
            "seconds": time.perf_counter() - self.began,
            "logged": run.logged() if step else {},
            "sums": metrics,
            "model": run.model.state_dict(),
            "versions": versions_of(run.model),
            "average": self.average.state_dict(),
            "optimizer": state.optimizer.state_dict(),
            **self.engine.freezing.beside(run.model),
            "generators": generator_states(),
            "loss": None if state.loss is None else state.loss.detach(),
            "callbacks": [_callback_record(callback) for callback in self.callbacks],
        }


def _callback_record(callback: Callback) -> dict[str, Any]:
    try:
        state = callback.state_dict()
    except Exception as error:
        raise CallbackError(
            f"{type(callback).__name__}.state_dict raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(state, dict):
        raise CallbackError(f"{type(callback).__name__}.state_dict returned {state!r}, not a dict")
    return {"kind": qualified_name(callback), "settings": repr(callback), "state": state}


def _how_it_ended(run: Run) -> str:
    if run.stopped is not None:
        return "stopped"
    return "finished" if len(run.history) == run.recipe.epochs else "interrupted"
