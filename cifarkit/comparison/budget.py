"""Which runs fit into a given time, decided before the first run."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor

import torch

from cifarkit.comparison.job_training import SharedFolder
from cifarkit.comparison.jobs import Job
from cifarkit.comparison.trial import run_trial
from cifarkit.errors import ComparisonError
from cifarkit.tables import duration

__all__ = ["jobs_within", "seconds_of"]

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
    rounds: Iterable[Sequence[int]],
    device: torch.device,
    executor: Executor | None,
) -> list[Job]:
    """Return the jobs that fit: whole seeds, so that all variants have the same seeds.

    A short trial times each variant, and its time counts, too. The choice is made once: continuing
    until the results look good would be choosing by test. Existing runs are used, but cost as much
    as new ones, so that the same line again trains no more seeds.

    Args:
        budget: seconds.
        jobs: seed by seed.
        shared: where the data is.
        rounds: the seeds that train together; each round waits for the one before.
        device: the device to train on.
        executor: the user's; new processes when None.

    Raises:
        ComparisonError: not even one seed fits.
    """
    began = time.perf_counter()
    trial = run_trial(jobs, shared, device=device, executor=executor)
    before = spent = time.perf_counter() - began
    costs: dict[int, float] = {}
    for seeds in rounds:
        names: list[str] = []
        for seed in seeds:
            names += [job.variant.name for job in jobs if job.seed == seed]
            costs[seed] = before + trial.seconds_for(names)
        before = costs[seeds[-1]]
    done = {seed for seed in costs if all(job.is_done for job in jobs if job.seed == seed)}
    chosen = [job for job in jobs if costs[job.seed] <= budget or job.seed in done]
    if not chosen:
        raise ComparisonError(
            f"one run of each variant takes about {duration(min(costs.values()) - spent)} after a "
            f"trial of {duration(spent)}, and the budget is {duration(budget)}; give more time, "
            "fewer epochs (epochs=…), or fewer variants"
        )
    return chosen
