"""The progress of a comparison: one table of all jobs, updated while they are trained."""

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

    The progress of a run is read from its folder, so a run may train anywhere.

    Args:
        jobs: all jobs of the comparison, done or not.
        stream: where to write; `sys.stderr` when None.
        until_decided: whether not all jobs need to be trained: there is a look after every seed.
    """

    def __init__(
        self, jobs: Sequence[Job], stream: TextIO | None = None, *, until_decided: bool = False
    ) -> None:
        self._jobs = jobs
        self._most, self._rest = ("at most ", "to the next look") if until_decided else ("", "left")
        self._display = display_on(stream if stream is not None else sys.stderr)
        self._results: Mapping[Job, JobResult | None] = {}
        self._logged: set[Job] = set()
        self._display.log(self.summary())
        self._display.show(*self.blocks())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Show the table for the last time, with a note if the comparison was interrupted."""
        notes = []
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            notes = ["interrupted: all runs are saved, and the same call resumes them"]
        self._display.show(*self.blocks(), *notes)
        self._display.close()

    def update(self, results: Mapping[Job, JobResult | None]) -> None:
        """Show the state of all jobs.

        Args:
            results: how the jobs that are trained in this comparison ended; None for unfinished
                jobs.
        """
        self._results = {**self._results, **results}
        self._display.show(*self.blocks())
        for job, result in results.items():
            if result is not None and job not in self._logged:
                self._logged.add(job)
                outcome = f"failed: {result.error}" if result.error else "done"
                self._display.log(f"{job.name}: {outcome}; {self.summary()}")

    def blocks(self) -> list[Block]:
        """Return one row a variant, one column a seed, and how long it will take.

        Seeds that do not fit into the width of a terminal go into a table below.
        """
        names = list(dict.fromkeys(job.variant.name for job in self._jobs))
        seeds = list(dict.fromkeys(job.seed for job in self._jobs))
        marks = {(job.variant.name, job.seed): self._mark(job) for job in self._jobs}
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
        done = sum(job.is_done or self._results.get(job) is not None for job in self._jobs)
        left = self._seconds_left()
        eta = "" if left is None else f", about {duration(left)} {self._rest}"
        return f"{done} of {self._most}{len(self._jobs)} runs done{eta}"

    def _mark(self, job: Job) -> str:
        if job.is_done:
            return "there"
        result = self._results.get(job)
        if result is not None:
            return "failed" if result.error else "done"
        epochs = len(_seconds_of_epochs(job))
        return f"{epochs}/{job.variant.recipe.epochs}" if job.folder.exists() else "."

    def _seconds_left(self) -> float | None:
        """Estimate the time left from the epochs so far; None before the first epoch."""
        spent: dict[str, list[float]] = {}
        left: list[tuple[str, int]] = []
        running = 0
        for job, result in self._results.items():
            epochs = _seconds_of_epochs(job)
            spent.setdefault(job.variant.name, []).extend(epochs)
            if result is None:
                left.append((job.variant.name, job.variant.recipe.epochs - len(epochs)))
                running += job.folder.exists()
        everything = [seconds for times in spent.values() for seconds in times]
        if not everything or not left:
            return None
        mean = {
            name: sum(times or everything) / len(times or everything)
            for name, times in spent.items()
        }
        return sum(mean[name] * epochs for name, epochs in left) / max(1, running)


def _batches(seeds: Sequence[int], count: int) -> list[Sequence[int]]:
    return [seeds[start : start + count] for start in range(0, len(seeds), count)]


def _seconds_of_epochs(job: Job) -> list[float]:
    try:
        with (job.folder / HISTORY).open(newline="", encoding="utf-8") as file:
            return [float(row["seconds"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError):  # no epoch is over yet
        return []
