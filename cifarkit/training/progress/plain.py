"""One plain line an epoch, for log files and pipes: no control characters, flushed at once."""

from __future__ import annotations

from typing import TextIO

from cifarkit.runs.columns import column_of
from cifarkit.runs.run import Run
from cifarkit.training.progress.pace import Pace

__all__ = ["Plain"]


class Plain:
    """Write lines to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def note(self, text: str) -> None:
        """Write a line of its own."""
        print(text, file=self._stream, flush=True)

    def step(self, run: Run, pace: Pace) -> None:
        """Write nothing: a log has no use for steps."""

    def row(self, run: Run, pace: Pace) -> None:
        """Write the epoch's numbers with their names."""
        record = run.history[-1]
        cells = [f"epoch {record['epoch']}/{run.recipe.epochs}"]
        cells += [
            f"{name} {column_of(name).show(number)}"
            for name, number in record.items()
            if name != "epoch"
        ]
        cells += ["best val loss"] if run.history.best_so_far()[-1] else []
        self.note("  ".join(cells) + pace.in_words(run, "  "))

    def close(self) -> None:
        """Leave nothing open."""
