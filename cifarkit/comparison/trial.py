"""How long runs will take, from a short trial of each variant."""

from __future__ import annotations

import dataclasses
import heapq
import math
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from scipy.optimize import nnls

from cifarkit.comparison.job_training import ONE_AT_A_TIME, SharedFolder, end_run, train_run
from cifarkit.comparison.jobs import Job
from cifarkit.comparison.scheduling import Workers, own_workers
from cifarkit.data.image_set import ImageSet
from cifarkit.data.splits import Splits

__all__ = ["Trial", "run_trial"]

EPOCHS = 4  # of a small run: several, because windows may grow along training
GROWTH = 3  # how many times the images of one small run the next one has
ENOUGH = 2.0  # seconds of the longest small run, beside what a run costs anyway


@dataclass(frozen=True)
class Trial:
    """What a trial has shown.

    Args:
        seconds: how long one run of each variant takes while others train beside it.
        workers: how many runs go side by side.
        start: the seconds until the workers are ready.
        failures: why the trial of a variant failed; its run takes no time.

    >>> trial = Trial({"mlp": 20.0, "deeper": 60.0}, workers=2, start=3.0)
    >>> trial.seconds_for(["mlp", "deeper", "mlp", "deeper"])
    103.0
    """

    seconds: Mapping[str, float]
    workers: int = 1
    start: float = 0.0
    failures: Mapping[str, str] = field(default_factory=dict)

    def seconds_for(self, names: Iterable[str]) -> float:
        """Return how long runs take, of which each begins as soon as a worker is free.

        Args:
            names: the variant of each run, in the order in which they begin.
        """
        ends = [0.0] * self.workers
        for name in names:
            heapq.heapreplace(ends, ends[0] + self.seconds[name])
        longest = max(ends)
        return self.start + longest if longest else 0.0


def run_trial(
    jobs: Sequence[Job], shared: SharedFolder, *, device: torch.device, executor: Executor | None
) -> Trial:
    """Time a small run of each variant, with as many side by side as in the comparison.

    Args:
        jobs: the jobs that the time is wanted for.
        shared: where the data is.
        device: the device to train on.
        executor: the user's; new processes when None.
    """
    if executor is not None:
        # Threads train one after another: torch's global generators belong to one training.
        is_serial = isinstance(executor, ThreadPoolExecutor)
        count = 1 if is_serial else getattr(executor, "_max_workers", 1)
        return _trial_on(Workers(executor, count=count), jobs, shared)
    began = time.perf_counter()
    with own_workers(device, len(jobs), shared) as workers:
        workers.executor.submit(_get_ready, shared).result()
        start = time.perf_counter() - began
        return dataclasses.replace(_trial_on(workers, jobs, shared), start=start)


def _get_ready(shared: SharedFolder) -> None:
    shared.take_data()


def _trial_on(workers: Workers, jobs: Sequence[Job], shared: SharedFolder) -> Trial:
    distinct = list({job.variant.name: job for job in jobs}.values())
    count = workers.count or 1
    timed = distinct * math.ceil(count / len(distinct))  # every worker is busy
    futures = [workers.executor.submit(time_job, job, shared, workers.threads) for job in timed]
    workers.futures.extend(futures)
    found: dict[str, list[float]] = {job.variant.name: [] for job in distinct}
    failures = {}
    for job, future in zip(timed, futures, strict=True):
        try:
            found[job.variant.name].append(future.result())
        except Exception as error:  # noqa: BLE001 - whatever a builder raises
            failures[job.variant.name] = f"{type(error).__name__}: {error}"
    seconds = {name: sum(times) / max(1, len(times)) for name, times in found.items()}
    return Trial(seconds, count, failures=failures)


def time_job(job: Job, shared: SharedFolder, threads: int | None) -> float:
    """Estimate the seconds that a job will take, from small runs of it.

    Runs with more images and with more epochs show what a run, an epoch and the images cost.
    """
    recipe = job.variant.recipe
    with ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the real training warns again
        if threads is not None:
            torch.set_num_threads(threads)
        splits = shared.take_data()
        epochs, share = min(EPOCHS, recipe.epochs), min(1.0, recipe.batch_size / len(splits.train))
        _time_run(job, splits, shared, epochs, share)  # the first is slower than the others
        runs = [_time_run(job, splits, shared, min(2 * epochs, recipe.epochs), share)]
        while len(runs) < 3 or (share < 1 and runs[-1].training - runs[0].training < ENOUGH):
            share = min(1.0, GROWTH * share)
            runs.append(_time_run(job, splits, shared, epochs, share))
        if share < 1:  # the last may have been long enough only by chance
            runs[-1] = _time_run(job, splits, shared, epochs, share)
    training, _ = nnls(
        [[1.0, run.epochs, run.epochs * run.share] for run in runs], [run.training for run in runs]
    )
    scoring, _ = nnls([[1.0, run.share] for run in runs], [run.scoring for run in runs])
    return float(training @ [1.0, recipe.epochs, recipe.epochs] + scoring.sum())


class _SmallRun(NamedTuple):
    """A run of some epochs on a share of the images: the seconds of training, and of the test."""

    epochs: int
    share: float
    training: float
    scoring: float


def _time_run(
    job: Job, splits: Splits, shared: SharedFolder, epochs: int, share: float
) -> _SmallRun:
    few = _first(splits, share)
    recipe = job.variant.recipe.replace(epochs=epochs)
    with TemporaryDirectory(dir=shared.path) as place:
        small = dataclasses.replace(
            job,
            variant=dataclasses.replace(job.variant, recipe=recipe),
            folder=Path(place) / "run",
        )
        began = time.perf_counter()
        run = train_run(small, few, ())
        trained = time.perf_counter()
        end_run(run, few)
        scored = time.perf_counter()
    return _SmallRun(epochs, share, trained - began, scored - trained)


def _first(splits: Splits, share: float) -> Splits:
    """Return the first images of train, of val in proportion, and of train in place of test."""

    def part(image_set: ImageSet, count: int) -> ImageSet:
        return image_set.subset(range(min(len(image_set), max(2, round(share * count)))))

    return dataclasses.replace(
        splits,
        train=part(splits.train, len(splits.train)),
        val=None if splits.val is None else part(splits.val, len(splits.val)),
        test=part(splits.train, len(splits.test)),  # before the end, nothing looks at test
    )
