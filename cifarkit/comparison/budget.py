"""Which runs fit into a given time, decided before the first run."""

from __future__ import annotations

import dataclasses
import re
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import Executor

import torch

from cifarkit.comparison.job_training import ONE_AT_A_TIME, SharedFolder
from cifarkit.comparison.jobs import Job
from cifarkit.comparison.scheduling import Workers, own_workers
from cifarkit.data.image_set import ImageSet
from cifarkit.data.splits import Splits
from cifarkit.errors import ComparisonError
from cifarkit.tables import duration
from cifarkit.training.train import train

__all__ = ["jobs_within", "seconds_of"]

TRIAL_EPOCHS, TRIAL_STEPS = 4, 5  # several epochs, because windows may grow along training
UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600}


def seconds_of(budget: float | str) -> float:
    """Read a time such as `"30m"`.

    Args:
        budget: seconds, or a number with the unit s, m, min or h.

    Raises:
        ComparisonError: it is not a time above 0.

    >>> seconds_of("30m"), seconds_of("1.5h"), seconds_of(90)
    (1800.0, 5400.0, 90.0)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h)?\s*", str(budget))
    seconds = float(match[1]) * UNITS[match[2] or "s"] if match else 0.0
    if not 0 < seconds < float("inf"):
        raise ComparisonError(
            f"budget={budget!r} is not a time above 0; give seconds, or a number with a unit: "
            "'90s', '30m', '1.5h'"
        )
    return seconds


def jobs_within(
    budget: float,
    jobs: Sequence[Job],
    shared: SharedFolder,
    *,
    device: torch.device,
    executor: Executor | None,
) -> list[Job]:
    """Return the jobs that fit: whole seeds, so that all variants have the same seeds.

    A few steps of each variant are timed, with as many runs side by side as in the comparison. The
    choice is made once: continuing until the results look good would be choosing by test. Existing
    runs are used, but cost as much as new ones, so that the same line again trains no more seeds.

    Args:
        budget: seconds.
        jobs: seed by seed.
        shared: where the data is.
        device: the device to train on.
        executor: the user's; new processes when None.

    Raises:
        ComparisonError: not even one seed fits.
    """
    trials = list({job.variant.name: job for job in jobs}.values())
    if executor is not None:
        workers = Workers(executor, count=getattr(executor, "_max_workers", 1))
        seconds, side_by_side = _time(trials, shared, workers)
    else:
        with own_workers(device, len(jobs), shared) as workers:
            seconds, side_by_side = _time(trials, shared, workers)
    chosen: list[Job] = []
    spent = 0.0
    for seed in dict.fromkeys(job.seed for job in jobs):
        at_seed = [job for job in jobs if job.seed == seed]
        cost = sum(seconds[job.variant.name] for job in at_seed) / side_by_side
        spent += cost
        if spent <= budget or all(job.is_done for job in at_seed):
            chosen += at_seed
    if not chosen:
        raise ComparisonError(
            f"one seed of {len(trials)} variants takes about {duration(cost)}, and the budget is "
            f"{duration(budget)}; give more time, fewer epochs (epochs=…), or fewer variants"
        )
    return chosen


def _time(
    jobs: Sequence[Job], shared: SharedFolder, workers: Workers
) -> tuple[dict[str, float], int]:
    """Return the seconds of one run of each variant, and how many runs go side by side."""
    futures = {
        job.variant.name: workers.executor.submit(time_job, job, shared, workers.threads)
        for job in jobs
    }
    seconds = {}
    for name, future in futures.items():
        try:
            seconds[name] = future.result()
        except Exception:  # noqa: BLE001 - it fails again, and is reported, when it is trained
            seconds[name] = 0.0
    return seconds, workers.count or 1


def time_job(job: Job, shared: SharedFolder, threads: int | None) -> float:
    """Estimate the seconds that the run of a job will take, from a small run of it."""
    with ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the real training warns again
        if threads is not None:
            torch.set_num_threads(threads)
        splits = shared.take_data()
        recipe = job.variant.recipe
        few = _first(splits, TRIAL_STEPS * recipe.batch_size)
        epochs = min(TRIAL_EPOCHS, recipe.epochs)
        variant = dataclasses.replace(job.variant, recipe=recipe.replace(epochs=epochs))
        for _ in range(2):  # the first time is slower
            began = time.perf_counter()
            train(variant, few, device=job.device, show_progress=False)
            seconds = time.perf_counter() - began
    return seconds * len(splits.train) / len(few.train) * recipe.epochs / epochs


def _first(splits: Splits, count: int) -> Splits:
    """Return the first images of train, and of val in proportion."""

    def part(image_set: ImageSet, share: float) -> ImageSet:
        return image_set.subset(range(max(2, round(share * len(image_set)))))

    share = min(1.0, count / len(splits.train))
    val = None if splits.val is None else part(splits.val, share)
    return dataclasses.replace(splits, train=part(splits.train, share), val=val)
