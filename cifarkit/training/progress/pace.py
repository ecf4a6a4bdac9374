"""Estimate how long the rest of a run will take."""

from __future__ import annotations

import time

from cifarkit.runs.run import Run
from cifarkit.tables import duration

__all__ = ["Pace"]

SETTLED = 2.0  # seconds; earlier estimates are not reliable


class Pace:
    """Estimate the time left from the steps so far, including all work between them."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._steps = 0

    def count(self) -> None:
        """Count a step."""
        self._steps += 1

    def in_words(self, run: Run, lead: str) -> str:
        """Return in words how long the epoch and the run will take; "" if it is too early.

        Args:
            run: the run in training.
            lead: the text before the words, if there are any.
        """
        spent, state = time.perf_counter() - self._began, run.state
        if not self._steps or spent < SETTLED:
            return ""
        of_epoch = state.steps_per_epoch - state.step - 1
        of_run = of_epoch + (run.recipe.epochs - state.epoch - 1) * state.steps_per_epoch
        epoch, whole = (duration(spent / self._steps * steps) for steps in (of_epoch, of_run))
        if of_epoch in (0, of_run):  # it has ended, or is the last
            return f"{lead}about {whole} left" if of_run else ""
        return f"{lead}about {epoch} left, {whole} of the run"
