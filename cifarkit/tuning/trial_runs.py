"""Training the trials of a search, round by round, on the workers of a comparison."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from cifarkit.comparison.budget import jobs_within
from cifarkit.comparison.job_training import JobResult, SharedFolder
from cifarkit.comparison.jobs import Job, plan_jobs
from cifarkit.comparison.preparation import workplace
from cifarkit.comparison.progress import ComparisonProgress
from cifarkit.comparison.scheduling import train_jobs
from cifarkit.data.splits import Splits
from cifarkit.errors import ComparisonError
from cifarkit.models.variant import Variant
from cifarkit.tables import duration
from cifarkit.training.callback import Callback
from cifarkit.tuning.samplers import SAMPLERS, Position, round_sizes
from cifarkit.tuning.space import Axis, varied
from cifarkit.tuning.trials import Trial
from cifarkit.warn import warn

__all__ = ["TrialRuns"]

FEWEST = 2  # trials: one leaves no choice


@dataclass(frozen=True)
class TrialRuns:
    """The runs of a search before its comparison; `ck.search` describes the arguments."""

    variant: Variant
    splits: Splits
    axes: Sequence[Axis]
    seed: int
    run_dir: Path
    executor: Executor | None
    callbacks: Sequence[Callback]
    device: torch.device
    show_progress: bool

    def run(self, count: int, sampler: str) -> list[Trial]:
        """Train trials, or read those that are there.

        Args:
            count: how many.
            sampler: a name in `SAMPLERS`.
        """
        trials: list[Trial] = []
        results: list[tuple[Position, float]] = []
        while len(trials) < count:
            positions = SAMPLERS[sampler](self.axes, self.seed, results, count - len(trials))
            settings = [
                {axis.path: axis.at(position[axis.path]) for axis in self.axes}
                for position in positions
            ]
            ended = self._round(len(trials), settings)
            trials += ended
            # A setting that cannot be trained, such as a rate with which the loss is NaN, is worst.
            accuracies = [trial.val_accuracy or 0.0 for trial in ended]
            results += zip(positions, accuracies, strict=True)
        return trials

    def within(self, budget: float, trials: int, seeds: int, sampler: str) -> int:
        """Return how many trials fit into a time together with the runs on fresh seeds.

        A few steps are timed with the variant's own recipe, as many runs side by side as later.

        Args:
            budget: seconds.
            trials: how many are wanted.
            seeds: how many fresh seeds.
            sampler: a name in `SAMPLERS`.

        Raises:
            ComparisonError: fewer than two fit.
        """
        compared = 2 * seeds
        # Only for their number: each stands for a run of any trial or seed.
        jobs = [
            Job(self.variant, run, str(self.device), (), self.run_dir, key="", is_done=False)
            for run in range(trials + compared)
        ]
        # The comparison is in any case; so what is left for trials is what fits beside it.
        ends = list(itertools.accumulate([compared, *round_sizes(sampler, trials)], initial=0))
        with self._workplace([self.variant]) as shared:
            fitting = jobs_within(
                budget,
                jobs,
                shared,
                rounds=list(itertools.starmap(range, itertools.pairwise(ends))),
                device=self.device,
                executor=self.executor,
            )
        fit = len(fitting) - compared
        if fit < min(FEWEST, trials):
            raise ComparisonError(
                f"about {len(fitting)} runs fit into {duration(budget)}, and {seeds} fresh seeds "
                f"take {compared}; give more time, fewer seeds, or fewer epochs (epochs=…)"
            )
        return fit

    def _round(self, first: int, settings: Sequence[Mapping[str, object]]) -> list[Trial]:
        variants = [
            varied(self.variant, setting, f"{self.variant.name}-trial{number}")
            for number, setting in enumerate(settings, first)
        ]
        jobs = plan_jobs(
            variants,
            [self.seed],
            self.splits,
            run_dir=self.run_dir,
            device=self.device,
            callbacks=self.callbacks,
            is_scored=False,
        )
        results: dict[Job, JobResult] = {}
        waiting = [job for job in jobs if not job.is_done]
        if waiting:  # else write nothing: a disk may be read-only
            with self._workplace(variants) as shared, ExitStack() as stack:
                watch = None
                if self.show_progress:
                    watch = stack.enter_context(ComparisonProgress(jobs)).update
                results = train_jobs(
                    waiting,
                    shared,
                    device=self.device,
                    executor=self.executor,
                    watch=watch,
                )
        for text in dict.fromkeys(text for result in results.values() for text in result.warnings):
            warn(text)
        return [
            Trial.of(number, setting, job.variant, job.folder, results.get(job, JobResult()).error)
            for number, (setting, job) in enumerate(zip(settings, jobs, strict=True), first)
        ]

    def _workplace(self, variants: Sequence[Variant]) -> AbstractContextManager[SharedFolder]:
        return workplace(
            variants, self.callbacks, self.splits, run_dir=self.run_dir, executor=self.executor
        )
