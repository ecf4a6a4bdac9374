"""One entry of a leaderboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cifarkit.evaluation.intervals import ConfidenceInterval

__all__ = ["LeaderboardEntry"]


@dataclass(frozen=True)
class LeaderboardEntry:
    """The verified runs of one training, with all its seeds.

    Args:
        variant: its name.
        same_logits: folders of other entries with almost the same logits, or with weights of one
            origin. Either one is a copy, or what differs has no effect.
        owner: the folder of its runs, if each folder is ranked separately.
        settings: the settings in which it differs from other entries with that name and data, such
            as `"recipe.epochs 3"`; empty if it is the only one.
        data: the name of the data source.
        fingerprint: the fingerprint of the data; entries with different ones are not compared.
        n: how many test images there are.
        seeds: how many different seeds there are.
        accuracy: the mean over the seeds, in [0, 1].
        interval: the 95 % interval.
        interval_of: `"t"`, of the mean over seeds (Student's t); `"Wilson"`, of a single run, from
            the chance in its test images.
        runs: the folders that count.
        doubles: folders that do not count, because another with the same seed, logits or weights
            counts.

    >>> from cifarkit.evaluation.intervals import wilson_interval
    >>> interval = wilson_interval(732, 1000)
    >>> folders = ("runs/ada",)
    >>> entry = LeaderboardEntry("mlp", "mine", "b57d", 1000, 1, 0.732, interval, "Wilson", folders)
    >>> str(entry.interval)
    '70.4 to 75.9 %'
    """

    variant: str
    data: str
    fingerprint: str
    n: int
    seeds: int
    accuracy: float
    interval: ConfidenceInterval
    interval_of: Literal["t", "Wilson"]
    runs: tuple[str, ...]
    doubles: tuple[str, ...] = ()
    same_logits: tuple[str, ...] = ()
    owner: str = ""
    settings: str = ""
