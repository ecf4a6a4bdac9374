"""How far a comparison is: one table of all cells, kept up to date while they are trained."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from typing import Self, TextIO

from cifarkit.blocks import Block
from cifarkit.comparison.cell_training import CellEnd
from cifarkit.comparison.cells import Cell
from cifarkit.display import display_on
from cifarkit.runs.folder import HISTORY
from cifarkit.tables import Table, duration

__all__ = ["ComparisonProgress"]

WIDTH = 80


class ComparisonProgress:
    """Show the cells on stderr: a live table on a terminal or in a notebook, else plain lines.

    What is shown of a run that goes on is read from its folder, wherever it is trained.

    Args:
        cells: all of the comparison, done or not.
        stream: where to write; `sys.stderr` when None.
    """

    def __init__(self, cells: Sequence[Cell], stream: TextIO | None = None) -> None:
        self._cells = cells
        self._display = display_on(stream if stream is not None else sys.stderr)
        self._ends: Mapping[Cell, CellEnd | None] = {}
        self._told: set[Cell] = set()
        self._display.log(self.summary())
        self._display.show(*self.blocks())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leave the table as it is at the end; of one that was interrupted, say so."""
        notes = []
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            notes = ["interrupted: all runs are saved, and the same call goes on with them"]
        self._display.show(*self.blocks(), *notes)
        self._display.close()

    def update(self, ends: Mapping[Cell, CellEnd | None]) -> None:
        """Show how it stands now.

        Args:
            ends: of the cells that are trained in this comparison; None for those that go on.
        """
        self._ends = ends
        self._display.show(*self.blocks())
        for cell, end in ends.items():
            if end is not None and cell not in self._told:
                self._told.add(cell)
                how = f"failed: {end.error}" if end.error else "done"
                self._display.log(f"{cell.name}: {how}; {self.summary()}")

    def blocks(self) -> list[Block]:
        """Return one row a variant, one column a seed, and how long it will take.

        What is wider than a terminal goes on below.
        """
        names = list(dict.fromkeys(cell.variant.name for cell in self._cells))
        seeds = list(dict.fromkeys(cell.seed for cell in self._cells))
        marks = {(cell.variant.name, cell.seed): self._mark(cell) for cell in self._cells}
        wide = 2 + max(len(f"seed {seed}") for seed in seeds)
        most = max(1, (WIDTH - max(map(len, names))) // wide)
        tables = [
            Table(
                ["", *(f"seed {seed}" for seed in some)],
                [[name, *(marks[name, seed] for seed in some)] for name in names],
            )
            for some in _batches(seeds, most)
        ]
        return [*tables, self.summary()]

    def summary(self) -> str:
        """Return how many cells are done, and how long the others will take."""
        done = sum(cell.is_done or self._ends.get(cell) is not None for cell in self._cells)
        left = self._seconds_left()
        eta = "" if left is None else f", about {duration(left)} left"
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


def _batches(seeds: Sequence[int], count: int) -> list[Sequence[int]]:
    return [seeds[at : at + count] for at in range(0, len(seeds), count)]


def _seconds_of_epochs(cell: Cell) -> list[float]:
    try:
        with (cell.folder / HISTORY).open(newline="", encoding="utf-8") as file:
            return [float(row["seconds"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError):  # no epoch is over yet
        return []
