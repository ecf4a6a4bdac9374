"""Save the weights while training goes on."""

from __future__ import annotations

import time

from cifarkit.errors import TrainingError
from cifarkit.training.arguments import checked_number, checked_whole
from cifarkit.training.callback import Callback
from cifarkit.training.run import Run
from cifarkit.training.run_folder import RunFolder
from cifarkit.values import Range

__all__ = ["Checkpoint"]


class Checkpoint(Callback):
    """Write the weights into the run folder after every epoch, and oftener if asked.

    Without it they are written once, at the end. The file is replaced in one step: it is always
    whole.

    Args:
        every_steps: also after so many steps.
        every_seconds: also when so many seconds have passed since the last time.

    Raises:
        TrainingError: a number is out of range; at the start of training, when there is no
            `run_dir` to write to.

    >>> Checkpoint(every_steps=500)
    Checkpoint(every_steps=500, every_seconds=None)
    """

    everywhere = False

    def __init__(self, every_steps: int | None = None, every_seconds: float | None = None) -> None:
        if every_steps is not None:
            every_steps = checked_whole("every_steps", every_steps, least=1)
        if every_seconds is not None:
            every_seconds = checked_number("every_seconds", every_seconds, Range(0, 1e9, open="("))
        self.every_steps = every_steps
        self.every_seconds = every_seconds
        self._steps = 0
        self._last = 0.0

    def __repr__(self) -> str:
        return f"Checkpoint(every_steps={self.every_steps}, every_seconds={self.every_seconds})"

    def on_fit_start(self, run: Run) -> None:
        """Check that there is a folder."""
        if run.folder is None:
            raise TrainingError("Checkpoint has nowhere to write: give run_dir=, a folder")
        self._steps, self._last = 0, time.monotonic()

    def on_batch_end(self, run: Run) -> None:
        """Save when it is time."""
        self._steps += 1
        by_steps = self.every_steps is not None and self._steps % self.every_steps == 0
        waited = time.monotonic() - self._last
        if by_steps or (self.every_seconds is not None and waited >= self.every_seconds):
            with run.now.average.in_place():
                self._save(run)

    def on_epoch_end(self, run: Run) -> None:
        """Save."""
        self._save(run)

    def _save(self, run: Run) -> None:
        if run.folder is not None:
            RunFolder(run.folder).save_weights(run.model)
        self._last = time.monotonic()
