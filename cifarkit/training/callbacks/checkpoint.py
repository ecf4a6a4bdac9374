"""Save more often than after each epoch, and keep the best weights."""

from __future__ import annotations

import time

from cifarkit.annotations import Range
from cifarkit.arguments import Count, checked
from cifarkit.errors import TrainingError
from cifarkit.runs.folder import BEST, RunFolder
from cifarkit.runs.run import Run
from cifarkit.training.callback import Callback

__all__ = ["Checkpoint"]


class Checkpoint(Callback):
    """Write checkpoints also within an epoch, and the weights of the best epoch so far.

    A run with a folder writes a checkpoint after every epoch by itself; `fit(resume=True)` resumes
    from the newest. The best epoch is the one with the highest accuracy on val; its weights are
    `best.safetensors`. Without a val set there is no best.

    Args:
        every_steps: how many steps are between two checkpoints.
        every_seconds: how many seconds, at least, are between two checkpoints.

    Raises:
        TrainingError: a number is out of range; at the start of training, when there is no
            `run_dir` to write to.

    >>> Checkpoint(every_steps=500)
    Checkpoint(every_steps=500, every_seconds=None)
    """

    all_ranks = False
    fields = ("every_steps", "every_seconds")

    def __init__(self, every_steps: int | None = None, every_seconds: float | None = None) -> None:
        if every_steps is not None:
            every_steps = checked("every_steps", every_steps, Count, error=TrainingError)
        if every_seconds is not None:
            every_seconds = checked(
                "every_seconds", every_seconds, Range(0, 1e9, open="("), error=TrainingError
            )
        self.every_steps = every_steps
        self.every_seconds = every_seconds
        self._last = 0.0

    def __repr__(self) -> str:
        return f"Checkpoint(every_steps={self.every_steps}, every_seconds={self.every_seconds})"

    def on_fit_start(self, run: Run) -> None:
        """Check that there is a folder."""
        if run.folder is None:
            raise TrainingError("Checkpoint needs a folder to write to: give run_dir=")
        self._last = time.monotonic()

    def on_batch_end(self, run: Run) -> None:
        """Ask for a checkpoint when it is time."""
        steps = run.state.epoch * run.state.steps_per_epoch + run.state.step + 1
        by_steps = self.every_steps is not None and steps % self.every_steps == 0
        waited = time.monotonic() - self._last
        if by_steps or (self.every_seconds is not None and waited >= self.every_seconds):
            run.checkpoint()
            self._last = time.monotonic()

    def on_epoch_end(self, run: Run) -> None:
        """Keep the weights when they are the best so far."""
        self._last = time.monotonic()  # the epoch ends with a checkpoint anyway
        if run.folder is None or run.state.splits.val is None:
            return
        *before, newest = run.history.column("val_accuracy")
        if newest > max(before, default=-1.0):
            RunFolder(run.folder).save_weights(run.model, BEST)
