"""Which jobs a comparison needs: all, or those up to the decision."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from cifarkit.comparison.gathering import Gathered
from cifarkit.comparison.job_training import JobResult
from cifarkit.comparison.jobs import Job
from cifarkit.comparison.outcomes import Outcome
from cifarkit.comparison.sequential import first_look, sequential_test

__all__ = ["all_jobs", "jobs_until_decided", "rounds_of", "with_passed_over"]


def all_jobs(
    jobs: Sequence[Job], results: Mapping[Job, JobResult], gathered: Gathered
) -> Sequence[Job]:
    """Return all jobs, for a comparison with fixed seeds.

    Args:
        jobs: all jobs.
        results: how the jobs ended that were trained in this comparison.
        gathered: takes the outcomes when all jobs are over.
    """
    if _are_over(jobs, results):
        gathered.add(jobs, results)
    return jobs


def jobs_until_decided(
    jobs: Sequence[Job], results: Mapping[Job, JobResult], gathered: Gathered
) -> Sequence[Job]:
    """Return the jobs that are needed up to the next look.

    The seeds up to the first look that can decide come together. At each later seed these are the
    jobs of the variants that are in a pair without a decision. So the answer depends only on the
    runs of the seeds before, and is the same after an interruption.

    Args:
        jobs: all that may be trained, seed by seed.
        results: how the jobs ended that were trained in this comparison.
        gathered: takes the outcomes; empty at the call.
    """
    names = list(dict.fromkeys(job.variant.name for job in jobs))
    needed: list[Job] = []
    for some in rounds_of(jobs):
        undecided = _undecided(names, gathered.outcomes)
        asked = [job for job in jobs if job.seed in some and job.variant.name in undecided]
        needed += asked
        if not _are_over(asked, results):
            break
        gathered.add(asked, results)
    return needed


def rounds_of(jobs: Sequence[Job]) -> list[list[int]]:
    """Return the seeds up to the first look, then each later seed.

    Args:
        jobs: all that may be trained, seed by seed.
    """
    names = {job.variant.name for job in jobs}
    seeds = list(dict.fromkeys(job.seed for job in jobs))
    block = first_look(0.05 / math.comb(len(names), 2))
    return [seeds[:block], *([seed] for seed in seeds[block:])]


def with_passed_over(jobs: Sequence[Job], needed: Sequence[Job]) -> list[Job]:
    """Mark jobs that no look needed as done, so that a budget keeps their seed.

    Args:
        jobs: all jobs, seed by seed.
        needed: the jobs that the looks so far have needed.
    """
    over = {job.seed for job in needed} - {job.seed for job in needed if not job.is_done}
    return [replace(job, is_done=job.is_done or job.seed in over) for job in jobs]


def _are_over(jobs: Iterable[Job], results: Mapping[Job, JobResult]) -> bool:
    return all(job.is_done or job in results for job in jobs)


def _undecided(names: Sequence[str], outcomes: Iterable[Outcome]) -> set[str]:
    """Return the variants that are in a pair without a decision."""
    accuracies: dict[str, dict[int, float]] = {name: {} for name in names}
    for outcome in outcomes:
        accuracies[outcome.variant.name][outcome.seed] = outcome.accuracy
    pairs = list(itertools.combinations(names, 2))
    undecided: set[str] = set()
    for a, b in pairs:
        seeds = sorted(accuracies[a].keys() & accuracies[b].keys())
        both = ([accuracies[name][seed] for seed in seeds] for name in (a, b))
        if not sequential_test(*both, alpha=0.05 / len(pairs)).is_decided:
            undecided |= {a, b}
    return undecided
