"""One plain line an epoch, for log files and pipes: no control characters, flushed at once."""

from __future__ import annotations

from typing import TextIO

from cifarkit.training.progress.table import COLUMNS, is_best
from cifarkit.training.run import Run

__all__ = ["Plain"]


class Plain:
    """Write lines to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def note(self, text: str) -> None:
        """Write a line of its own."""
        print(text, file=self._stream, flush=True)

    def step(self, run: Run) -> None:
        """Write nothing: a log has no use for steps."""

    def row(self, run: Run) -> None:
        """Write the epoch's numbers with their names."""
        record = run.history[-1]
        shown = {column.name: column.show for column in COLUMNS[1:]}
        cells = [f"epoch {record['epoch']}/{run.recipe.epochs}"]
        cells += [
            f"{name} {shown[name](number) if name in shown else format(number, '.4g')}"
            for name, number in record.items()
            if name != "epoch"
        ]
        cells += ["best val loss"] if is_best(list(run.history)) else []
        self.note("  ".join(cells))

    def close(self) -> None:
        """Leave nothing open."""
