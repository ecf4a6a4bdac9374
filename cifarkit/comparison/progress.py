"""How far a comparison is: one table of all jobs, kept up to date while they are trained."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from typing import Self, TextIO

from cifarkit.blocks import Block
from cifarkit.comparison.job_training import JobResult
from cifarkit.comparison.jobs import Job
from cifarkit.display import display_on
from cifarkit.runs.folder import HISTORY
from cifarkit.tables import Table, duration

__all__ = ["ComparisonProgress"]

WIDTH = 80


class ComparisonProgress:
    """Show the jobs on stderr: a live table on a terminal or in a notebook, else plain lines.

    What is shown of a run that goes on is read from its folder, wherever it is trained.

    Args:
        jobs: all of the comparison, done or not.
        stream: where to write; `sys.stderr` when None.
    """

    def __init__(self, jobs: Sequence[Job], stream: TextIO | None = None) -> None:
        self._cells = jobs
        self._display = display_on(stream if stream is not None else sys.stderr)
        self._ends: Mapping[Job, JobResult | None] = {}
        self._told: set[Job] = set()
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

    def update(self, ends: Mapping[Job, JobResult | None]) -> None:
        """Show how it stands now.

        Args:
            ends: of the jobs that are trained in this comparison; None for those that go on.
        """
        self._ends = ends
        self._display.show(*self.blocks())
        for job, end in ends.items():
            if end is not None and job not in self._told:
                self._told.add(job)
                how = f"failed: {end.error}" if end.error else "done"
                self._display.log(f"{job.name}: {how}; {self.summary()}")

    def blocks(self) -> list[Block]:
        """Return one row a variant, one column a seed, and how long it will take.

        What is wider than a terminal goes on below.
        """
        names = list(dict.fromkeys(job.variant.name for job in self._cells))
        seeds = list(dict.fromkeys(job.seed for job in self._cells))
        marks = {(job.variant.name, job.seed): self._mark(job) for job in self._cells}
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
        """Return how many jobs are done, and how long the others will take."""
        done = sum(job.is_done or self._ends.get(job) is not None for job in self._cells)
        left = self._seconds_left()
        eta = "" if left is None else f", about {duration(left)} left"
        return f"{done} of {len(self._cells)} runs done{eta}"

    def _mark(self, job: Job) -> str:
        if job.is_done:
            return "there"
        end = self._ends.get(job)
        if end is not None:
            return "failed" if end.error else "done"
        epochs = len(_seconds_of_epochs(job))
        return f"{epochs}/{job.variant.recipe.epochs}" if job.folder.exists() else "."

    def _seconds_left(self) -> float | None:
        """Reckon from the epochs so far; None before there is one."""
        spent: dict[str, list[float]] = {}
        left: list[tuple[str, int]] = []
        running = 0
        for job, end in self._ends.items():
            epochs = _seconds_of_epochs(job)
            spent.setdefault(job.variant.name, []).extend(epochs)
            if end is None:
                left.append((job.variant.name, job.variant.recipe.epochs - len(epochs)))
                running += job.folder.exists()
        everything = [seconds for one in spent.values() for seconds in one]
        if not everything or not left:
            return None
        mean = {
            name: sum(one or everything) / len(one or everything) for name, one in spent.items()
        }
        return sum(mean[name] * epochs for name, epochs in left) / max(1, running)


def _batches(seeds: Sequence[int], count: int) -> list[Sequence[int]]:
    return [seeds[at : at + count] for at in range(0, len(seeds), count)]


def _seconds_of_epochs(job: Job) -> list[float]:
    try:
        with (job.folder / HISTORY).open(newline="", encoding="utf-8") as file:
            return [float(row["seconds"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError):  # no epoch is over yet
        return []
