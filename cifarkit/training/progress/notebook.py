"""One table that grows, for notebooks."""

from __future__ import annotations

from cifarkit.runs.run import Run
from cifarkit.tables import Bar, Block
from cifarkit.training.notebook import NotebookDisplay
from cifarkit.training.progress.pace import Pace
from cifarkit.training.progress.table import BEST_NOTE

__all__ = ["Notebook"]

UPDATES = 50  # an epoch, at most


class Notebook:
    """Show a table below the cell."""

    def __init__(self) -> None:
        self._table: list[Block] = []
        self._bar: list[Block] = []
        self._notes: list[Block] = []
        self._display = NotebookDisplay()

    def note(self, text: str) -> None:
        """Show a line below the table."""
        self._notes.append(text)
        self._update()

    def step(self, run: Run, pace: Pace) -> None:
        """Show how far the epoch is, and how long the run will take."""
        state = run.state
        if state.step % max(1, state.steps_per_epoch // UPDATES) == 0:
            words = f"epoch {state.epoch + 1} of {run.recipe.epochs}{pace.in_words(run, '; ')}"
            self._bar = [Bar(state.step + 1, state.steps_per_epoch, words)]
            self._update()

    def row(self, run: Run, pace: Pace) -> None:
        """Add the epoch's row."""
        self._table = [run.history.table()]
        if any(run.history.best_so_far()) and BEST_NOTE not in self._notes:
            self._notes.append(BEST_NOTE)
        self._update()

    def close(self) -> None:
        """Take the bar away."""
        self._bar = []
        self._update()

    def _update(self) -> None:
        self._display.update(*self._table, *self._bar, *self._notes)
