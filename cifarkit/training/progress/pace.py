"""How long the rest of a run will take."""

from __future__ import annotations

import time

from cifarkit.runs.run import Run
from cifarkit.tables import duration

__all__ = ["Pace"]

SETTLED = 2.0  # seconds; what is before says little of the pace


class Pace:
    """Reckons from the steps so far, with all that was done between them."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._steps = 0

    def count(self) -> None:
        """Count a step."""
        self._steps += 1

    def in_words(self, run: Run, lead: str) -> str:
        """Return how long the epoch and the run will take, in words; nothing where it is too early.

        Args:
            run: that is training.
            lead: what stands before the words, where there are any.
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
