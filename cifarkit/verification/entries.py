"""Gather verified runs into the entries of a leaderboard: runs that differ only in the seed."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cifarkit.arguments import checked
from cifarkit.comparison.statistics import t_interval
from cifarkit.errors import DataError
from cifarkit.evaluation.intervals import wilson_interval
from cifarkit.runs.identity import training_of
from cifarkit.verification.leaderboard_entry import LeaderboardEntry
from cifarkit.verification.same_logits import are_alike, same_logits
from cifarkit.verification.verify import Verification

__all__ = ["Gathered", "gather"]


@dataclass(frozen=True)
class Gathered:
    """What runs are, as a leaderboard ranks them.

    Args:
        entries: each entry with the verifications of the runs that count in it.
        unverified: the runs that are not verified, sorted by their folders.
    """

    entries: list[tuple[LeaderboardEntry, list[Verification]]]
    unverified: tuple[Verification, ...]


def gather(
    verifications: Iterable[Verification],
    *,
    by_folder: bool,
    apart: Callable[[Verification], str] = lambda _: "",
) -> Gathered:
    """Gather the runs of each training.

    Args:
        verifications: the verifications of any number of runs, in any order.
        by_folder: keep the runs of each parent folder apart.
        apart: returns a text; runs with different texts are different entries.

    Raises:
        DataError: an item is not a verification, or `by_folder` is neither True nor False.

    >>> gather([], by_folder=False)
    Gathered(entries=[], unverified=())
    """
    checked("by_folder", by_folder, bool)
    groups: dict[tuple[str, str, str], list[Verification]] = {}
    unverified = []
    for run in verifications:
        if not isinstance(run, Verification):
            raise DataError(f"a leaderboard ranks what ck.verify returned, found {run!r}")
        if run.passed and run.accuracy is not None:
            owner = str(run.folder.parent) if by_folder else ""
            groups.setdefault((training_of(run.about), owner, apart(run)), []).append(run)
        else:
            unverified.append(run)
    records = [group[0].about for group in groups.values()]
    pairs = list(same_logits(run for group in groups.values() for run in group))
    entries = []
    for (_, owner, _), group in groups.items():
        counted = _counted(group)
        doubles = [run for run in group if run not in counted]
        settings = _settings(group[0].about, records)
        entry = _entry(counted, doubles, _elsewhere(group, pairs), owner, settings)
        entries.append((entry, counted))
    return Gathered(entries, tuple(sorted(unverified, key=lambda run: str(run.folder))))


def _counted(group: Sequence[Verification]) -> list[Verification]:
    """Return one run of each seed and of each set of copies: the least accurate, then slowest."""

    def worst_first(run: Verification) -> tuple[float, float, str]:
        return (run.accuracy or 0.0, -run.about["facts"].seconds, str(run.folder))

    counted: list[Verification] = []
    for run in sorted(group, key=worst_first):
        if not any(_is_double(run, other) for other in counted):
            counted.append(run)
    return sorted(counted, key=lambda run: str(run.folder))


def _is_double(first: Verification, second: Verification) -> bool:
    return first.about["seed"] == second.about["seed"] or are_alike(first, second)


def _entry(
    counted: Sequence[Verification],
    doubles: Sequence[Verification],
    elsewhere: tuple[str, ...],
    owner: str,
    settings: str,
) -> LeaderboardEntry:
    first = counted[0]
    n, correct = first.n or 0, first.correct or 0
    accuracies = [run.accuracy or 0.0 for run in counted]
    over_seeds = t_interval(accuracies)
    return LeaderboardEntry(
        variant=first.about["variant"]["name"],
        data=first.data,
        fingerprint=first.about["facts"]["data"]["fingerprint"],
        n=n,
        seeds=len(counted),
        accuracy=statistics.fmean(accuracies),
        interval=over_seeds.clipped() if over_seeds else wilson_interval(correct, n),
        interval_of="t" if over_seeds else "Wilson",
        runs=tuple(str(run.folder) for run in counted),
        doubles=tuple(sorted(str(run.folder) for run in doubles)),
        same_logits=elsewhere,
        owner=owner,
        settings=settings,
    )


def _elsewhere(
    group: Sequence[Verification], pairs: Iterable[tuple[Verification, Verification]]
) -> tuple[str, ...]:
    folders = {run.folder for run in group}
    elsewhere = {
        str(other.folder)
        for pair in pairs
        for run, other in (pair, pair[::-1])
        if run.folder in folders and other.folder not in folders
    }
    return tuple(sorted(elsewhere))


def _settings(about: dict[str, Any], records: Sequence[dict[str, Any]]) -> str:
    """Return the settings in which a training differs from others with its variant and data."""

    def is_akin(other: dict[str, Any]) -> bool:
        return bool(
            other["variant"]["name"] == about["variant"]["name"]
            and other["facts"]["data"]["fingerprint"] == about["facts"]["data"]["fingerprint"]
        )

    others = [_flat(other) for other in records if other is not about and is_akin(other)]
    ours = _flat(about)
    telling = [
        key
        for key in sorted({key for flat in (ours, *others) for key in flat})
        if any(other.get(key) != ours.get(key) for other in others)
    ]
    return ", ".join(f"{key} {ours.get(key, 'none')}" for key in telling)


def _flat(about: dict[str, Any]) -> dict[str, str]:
    """Return the settings that decide a run's numbers, each under its path."""
    flat: dict[str, str] = {}

    def put(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, below in value.items():
                put(f"{path}.{name}", below)
        else:
            flat[path] = value if isinstance(value, str) else json.dumps(value)

    for name, value in json.loads(training_of(about)).items():
        put(name, value)
    return flat
