"""How far a comparison is: one table of all cells, kept up to date while they are trained."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from cifarkit.comparison.cell_training import CellEnd
from cifarkit.comparison.cells import Cell
from cifarkit.training.notebook import in_notebook
from cifarkit.training.run_folder import HISTORY

__all__ = ["ComparisonProgress", "in_words"]

WIDTH = 80


def in_words(seconds: float) -> str:
    """Return a duration as one says it.

    >>> in_words(40), in_words(200), in_words(9000)
    ('40 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class ComparisonProgress:
    """Show the cells on stderr: a live table on a terminal or in a notebook, else plain lines.

    What is shown of a run that goes on is read from its folder, wherever it is trained.

    Args:
        cells: all of the comparison, done or not.
        stream: where to write; `sys.stderr` when None.
    """

    def __init__(self, cells: Sequence[Cell], stream: TextIO | None = None) -> None:
        self._cells = cells
        self._stream: TextIO | None = stream if stream is not None else sys.stderr
        self._ends: Mapping[Cell, CellEnd | None] = {}
        self._told: set[Cell] = set()
        self._live = self._choose()

    def update(self, ends: Mapping[Cell, CellEnd | None]) -> None:
        """Show how it stands now.

        Args:
            ends: of the cells that are trained in this comparison; None for those that go on.
        """
        self._ends = ends
        if self._live is not None:
            self._live.update(self._page())
            return
        for cell, end in ends.items():
            if end is not None and cell not in self._told:
                self._told.add(cell)
                how = f"failed: {end.error}" if end.error else "done"
                self._write(f"{cell.name}: {how}; {self.summary()}")

    def close(self) -> None:
        """Leave the table as it is at the end."""
        if self._live is not None and hasattr(self._live, "stop"):
            self._live.stop()

    def table(self) -> str:
        """Return one row a variant, one column a seed, and how long it will take.

        What is wider than a terminal goes on below.
        """
        names = list(dict.fromkeys(cell.variant.name for cell in self._cells))
        seeds = list(dict.fromkeys(cell.seed for cell in self._cells))
        width = max(map(len, names))
        column = 2 + max(len(f"seed {seed}") for seed in seeds)
        marks = {(cell.variant.name, cell.seed): self._mark(cell) for cell in self._cells}
        rows = []
        for some in _batches(seeds, max(1, (WIDTH - width) // column)):
            rows.append(" " * width + "".join(f"{f'seed {seed}':>{column}}" for seed in some))
            for name in names:
                own = "".join(f"{marks[name, seed]:>{column}}" for seed in some)
                rows.append(f"{name:<{width}}{own}")
        return "\n".join([*rows, self.summary()])

    def summary(self) -> str:
        """Return how many cells are done, and how long the others will take."""
        done = sum(cell.is_done or self._ends.get(cell) is not None for cell in self._cells)
        left = self._seconds_left()
        eta = "" if left is None else f", about {in_words(left)} left"
        return f"{done} of {len(self._cells)} runs done{eta}"

    def _mark(self, cell: Cell) -> str:
        if cell.is_done:
            return "there"
        end = self._ends.get(cell)
        if end is not None:
            return "failed" if end.error else "done"
        epochs = len(_seconds_of_epochs(cell))
        return f"{epochs}/{cell.variant.recipe.epochs}" if cell.folder.exists() else "."

    def _seconds_left(self) -> float | None:
        """Reckon from the epochs so far; None before there is one."""
        spent: dict[str, list[float]] = {}
        left: list[tuple[str, int]] = []
        running = 0
        for cell, end in self._ends.items():
            epochs = _seconds_of_epochs(cell)
            spent.setdefault(cell.variant.name, []).extend(epochs)
            if end is None:
                left.append((cell.variant.name, cell.variant.recipe.epochs - len(epochs)))
                running += cell.folder.exists()
        everything = [seconds for one in spent.values() for seconds in one]
        if not everything or not left:
            return None
        mean = {
            name: sum(one or everything) / len(one or everything) for name, one in spent.items()
        }
        return sum(mean[name] * epochs for name, epochs in left) / max(1, running)

    def _choose(self) -> Any:
        if in_notebook():
            from IPython.display import display

            return display({"text/plain": self.table()}, raw=True, display_id=True)
        stream = self._stream
        if stream is None or stream.closed:
            return None
        if stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
            from rich.console import Console
            from rich.live import Live

            console = Console(file=stream, highlight=False)
            live = Live(self._page(), console=console, auto_refresh=False)
            live.start(refresh=True)
            return live
        self._write(self.summary())
        return None

    def _page(self) -> Any:
        if in_notebook():
            return {"text/plain": self.table()}
        from rich.text import Text

        return Text(self.table())

    def _write(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            print(line, file=self._stream, flush=True)
        except (OSError, ValueError):  # nobody reads any more: train on
            self._stream = None


def _batches(seeds: Sequence[int], count: int) -> list[Sequence[int]]:
    return [seeds[at : at + count] for at in range(0, len(seeds), count)]


def _seconds_of_epochs(cell: Cell) -> list[float]:
    try:
        with (cell.folder / HISTORY).open(newline="", encoding="utf-8") as file:
            return [float(row["seconds"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError):  # no epoch is over yet
        return []
