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

    def left(self, run: Run) -> float | None:
        """Return the seconds that are left; None when it is too early to tell."""
        spent = time.perf_counter() - self._began
        if not self._steps or spent < SETTLED:
            return None
        state = run.state
        done = state.epoch * state.steps_per_epoch + state.step + 1
        return spent / self._steps * (run.recipe.epochs * state.steps_per_epoch - done)

    def in_words(self, run: Run, lead: str) -> str:
        """Return what is left of the run, in words.

        Args:
            run: that is training.
            lead: what stands before the words, where there are any.
        """
        left = self.left(run)
        return f"{lead}about {duration(left)} left" if left else ""
