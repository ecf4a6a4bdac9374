"""Rank verified runs by the lower end of the 95 % interval, so that luck does not help."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from cifarkit.arguments import checked
from cifarkit.blocks import Block, Readable
from cifarkit.comparison.statistics import t_interval
from cifarkit.errors import DataError
from cifarkit.evaluation.intervals import wilson_interval
from cifarkit.guidance import explains_arguments
from cifarkit.runs.identity import training_of
from cifarkit.verification.leaderboard_entry import LeaderboardEntry
from cifarkit.verification.leaderboard_text import as_blocks, as_text
from cifarkit.verification.same_logits import are_alike, same_logits
from cifarkit.verification.verify import Verification

__all__ = ["Leaderboard", "leaderboard"]


@dataclass(frozen=True, repr=False)
class Leaderboard(Readable):
    """All entries, best first, and the runs that could not be ranked; `str()` is a table.

    Args:
        standings: the entries, ranked by the lower end of the interval, one data source after
            another.
        unverified: the runs that are not verified, so they are not ranked.

    >>> from cifarkit.evaluation.intervals import ConfidenceInterval
    >>> interval = ConfidenceInterval(0.65, 0.75)
    >>> entry = LeaderboardEntry("mlp", "mine", "b57d", 50, 2, 0.7, interval, "t", ("a", "b"))
    >>> print(Leaderboard((entry,), ()))
    Test accuracy on mine (n = 50, b57d), ranked by the lower end of the 95 %
    interval. It is a t-interval of the mean over seeds. Single runs stand below
    these, with Wilson's interval.
    #  accuracy  95 % interval   of  seeds  variant
    1    70.0 %  65.0 to 75.0 %  t       2  mlp
         a, b
    """

    standings: tuple[LeaderboardEntry, ...]
    unverified: tuple[Verification, ...]

    @property
    def by_data(self) -> dict[str, list[LeaderboardEntry]]:
        """The entries of each data source, by its fingerprint."""
        groups: dict[str, list[LeaderboardEntry]] = {}
        for standing in self.standings:
            groups.setdefault(standing.fingerprint, []).append(standing)
        return groups

    def to_json(self) -> dict[str, Any]:
        """Return the leaderboard as JSON types; ranks begin with 1 in each data source."""
        ranked = [
            {"rank": rank, **asdict(standing), "interval": list(standing.interval)}
            for group in self.by_data.values()
            for rank, standing in enumerate(group, start=1)
        ]
        return {"standings": ranked, "unverified": [run.to_json() for run in self.unverified]}

    def blocks(self) -> Sequence[Block]:
        """Return a table for each data source, and the runs that are not verified."""
        return as_blocks(self.by_data.values(), self.unverified)

    def __str__(self) -> str:
        return as_text(self.by_data.values(), self.unverified)

    __repr__ = __str__


@explains_arguments("ck.leaderboard")
def leaderboard(verifications: Iterable[Verification], *, by_folder: bool = False) -> Leaderboard:
    """Rank verified runs.

    Runs of the same variant, code, options, recipe, callbacks and data are one entry; the names of
    their folders do not matter. With two seeds or more, an entry is ranked by the lower end of the
    t-interval of their mean. Single runs come below all of these, by the lower end of their Wilson
    interval. That interval says nothing about seeds, so handing in only the best of several runs
    gains nothing. Several runs of one seed count once, with the lowest accuracy, so that trying
    again gains nothing. Runs with almost the same logits, or with weights of one origin, count
    once, too: they are copies under other seeds. If two entries are so alike, both stay, and each
    names the other.

    Args:
        verifications: the verifications of any number of runs, in any order.
        by_folder: rank the runs of each folder separately, such as `runs/ada/*` and `runs/ben/*`
            of two students.

    Raises:
        DataError: an item is not a verification, or `by_folder` is neither True nor False.

    >>> leaderboard([]).standings
    ()
    """
    checked("by_folder", by_folder, bool)
    groups: dict[tuple[str, str], list[Verification]] = {}
    unverified = []
    for run in verifications:
        if not isinstance(run, Verification):
            raise DataError(f"a leaderboard ranks what ck.verify returned, found {run!r}")
        if run.passed and run.accuracy is not None:
            owner = str(run.folder.parent) if by_folder else ""
            groups.setdefault((training_of(run.about), owner), []).append(run)
        else:
            unverified.append(run)
    records = [group[0].about for group in groups.values()]
    pairs = list(same_logits(run for group in groups.values() for run in group))
    standings = sorted(
        (
            replace(
                _standing(group),
                settings=_settings(group[0].about, records),
                same_logits=_elsewhere(group, pairs),
                owner=owner,
            )
            for (_, owner), group in groups.items()
        ),
        key=_order,
    )
    unverified.sort(key=lambda run: str(run.folder))
    return Leaderboard(tuple(standings), tuple(unverified))


def _order(standing: LeaderboardEntry) -> tuple[str, bool, float, float, str]:
    group = (standing.fingerprint, standing.interval_of == "Wilson")
    return (*group, -standing.interval.low, -standing.accuracy, standing.runs[0])


def _standing(group: Sequence[Verification]) -> LeaderboardEntry:
    counted: list[Verification] = []
    for run in sorted(group, key=lambda run: (run.accuracy, str(run.folder))):
        if not any(_is_double(run, other) for other in counted):
            counted.append(run)
    counted.sort(key=lambda run: str(run.folder))
    doubles = sorted(str(run.folder) for run in group if run not in counted)
    about, first = counted[0].about, counted[0]
    n, correct = first.n or 0, first.correct or 0
    shares = [run.accuracy or 0.0 for run in counted]
    over_seeds = t_interval(shares)
    return LeaderboardEntry(
        variant=about["variant"]["name"],
        data=first.data,
        fingerprint=about["facts"]["data"]["fingerprint"],
        n=n,
        seeds=len(shares),
        accuracy=statistics.fmean(shares),
        interval=over_seeds.clipped() if over_seeds else wilson_interval(correct, n),
        interval_of="t" if over_seeds else "Wilson",
        runs=tuple(str(run.folder) for run in counted),
        doubles=tuple(doubles),
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


def _is_double(first: Verification, second: Verification) -> bool:
    return first.about["seed"] == second.about["seed"] or are_alike(first, second)


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
