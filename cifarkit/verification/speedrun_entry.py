"""One entry of a speedrun: verified runs of one training on one machine, and their seconds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from cifarkit.comparison.statistics import t_test_above
from cifarkit.tables import p_value
from cifarkit.verification.evidence import percent
from cifarkit.verification.leaderboard_entry import LeaderboardEntry
from cifarkit.verification.machines import machine_of, software_of
from cifarkit.verification.verify import Verification

__all__ = ["SpeedrunEntry", "judge"]

FEWEST_SEEDS = 3
LARGEST_P = 0.01


@dataclass(frozen=True)
class SpeedrunEntry:
    """The verified runs of one training on one kind of machine, judged against a target.

    Args:
        entry: variant, data, accuracy and folders of the runs.
        machine: processor or graphics card, and the number of threads.
        software: versions, precision, and whether it was compiled.
        seconds: the training seconds that each run in `entry.runs` claims, in that order.
        p: the one-sided p of Student's t-test that the mean accuracy is no higher than the target;
            1 for a single seed, which shows nothing.
        refused: why it is not ranked, in a sentence; empty for an entry that is.

    >>> from cifarkit.evaluation.intervals import ConfidenceInterval
    >>> interval = ConfidenceInterval(0.65, 0.75)
    >>> runs = LeaderboardEntry("mlp", "mine", "b57d", 50, 2, 0.7, interval, "t", ("a", "b"))
    >>> SpeedrunEntry(runs, "a laptop, 2 threads", "torch 2", (1.0, 2.0), 0.2).mean_seconds
    1.5
    """

    entry: LeaderboardEntry
    machine: str
    software: str
    seconds: tuple[float, ...]
    p: float
    refused: str = ""

    @property
    def mean_seconds(self) -> float:
        """The mean of the training seconds over the seeds."""
        return statistics.fmean(self.seconds)


def judge(entry: LeaderboardEntry, runs: Sequence[Verification], target: float) -> SpeedrunEntry:
    """Judge an entry by the rules of the page of records.

    Args:
        entry: the entry.
        runs: the verifications of its runs, in the order of `entry.runs`.
        target: the test accuracy that it must reach, in [0, 1].
    """
    facts = runs[0].about["facts"]
    accuracies = [run.accuracy or 0.0 for run in runs]
    p = t_test_above(accuracies, target, step=1 / entry.n) if len(runs) > 1 else 1.0
    return SpeedrunEntry(
        entry,
        machine_of(facts),
        software_of(facts),
        seconds=tuple(run.about["facts"].seconds for run in runs),
        p=p,
        refused=_unfit(runs) or _missed(entry.accuracy, p, target),
    )


def _unfit(runs: Sequence[Verification]) -> str:
    """Return why runs are not a speedrun, whatever they reach; empty if they are one."""
    for run in runs:
        if run.about["facts"].resumed:
            return f"{run.folder} was resumed, and its seconds leave out what came between"
    seeds = sorted(run.about["seed"] for run in runs)
    if len(seeds) < FEWEST_SEEDS:
        counted = "only 1 seed counts" if len(seeds) == 1 else f"only {len(seeds)} seeds count"
        return f"{counted} on this machine with this software, and {FEWEST_SEEDS} are needed"
    if seeds != list(range(len(seeds))):
        found = ", ".join(map(str, seeds))
        return (
            f"its seeds are {found}; allowed are 0 to {len(seeds) - 1}, so that nobody can choose "
            "lucky ones"
        )
    return ""


def _missed(accuracy: float, p: float, target: float) -> str:
    """Return how a mean accuracy misses a target; empty if it does not."""
    if accuracy < target:
        return f"its mean of {percent(accuracy)} is below {percent(target)}"
    if p >= LARGEST_P:
        return (
            f"its mean of {percent(accuracy)} may be above {percent(target)} by luck: p is "
            f"{p_value(p)}, and p < {p_value(LARGEST_P)} is needed"
        )
    return ""
