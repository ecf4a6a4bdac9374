"""Rows that stay above one live bar, for terminals."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cifarkit.runs.run import Run
from cifarkit.training.progress.pace import Pace
from cifarkit.training.progress.table import BEST_NOTE, choose_columns, format_row, headings

__all__ = ["Terminal"]

REDRAWS = 10  # a second, at most


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Go quiet where rich would end the program: nobody reads, but the training goes on."""
        self.quiet = True


class Terminal:
    """Draw on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._console = _Console(file=stream, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed}/{task.total}"),
            TimeRemainingColumn(compact=True),  # of the epoch
            TextColumn("{task.fields[left]}"),  # of the run
            console=self._console,
            refresh_per_second=REDRAWS,
            transient=True,
        )
        self._task = self._bar.add_task("", visible=False, left="")  # until the first step
        self._has_headings = self._best_noted = False
        self._bar.start()

    def note(self, text: str) -> None:
        """Write a line above the bar."""
        self._console.print(text, style="dim", markup=False)

    def step(self, run: Run, pace: Pace) -> None:
        """Move the bar."""
        state = run.state
        self._bar.update(
            self._task,
            description=f"epoch {state.epoch + 1}/{run.recipe.epochs}",
            completed=state.step + 1,
            total=state.steps_per_epoch,
            visible=True,
            left=pace.in_words(run, "run: "),
        )

    def row(self, run: Run, pace: Pace) -> None:
        """Write the epoch's row above the bar."""
        record, best = run.history[-1], run.history.best_so_far()[-1]
        columns = choose_columns(record, self._console.width)
        if not self._has_headings:  # a run that is resumed has rows before its first one here
            self._has_headings = True
            self._console.print(headings(columns), style="bold", markup=False)
        self._console.print(format_row(columns, record, best), markup=False)
        self._best_noted = self._best_noted or best
        self._bar.reset(self._task, total=run.state.steps_per_epoch)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()
        if self._best_noted:
            self.note(BEST_NOTE)
