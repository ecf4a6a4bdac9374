"""Verified runs in an order that luck cannot buy: by the lower end of the 95 % interval."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from cifarkit.arguments import checked_flag
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
    """All standings, best first, and what could not be ranked; `str()` is a table.

    Args:
        standings: those of one data source together, ranked by the lower end of the interval.
        unverified: never ranked.

    >>> from cifarkit.evaluation.intervals import ConfidenceInterval
    >>> interval = ConfidenceInterval(0.65, 0.75)
    >>> one = LeaderboardEntry("mlp", "mine", "b57d", 50, 2, 0.7, interval, "t", ("a", "b"))
    >>> print(Leaderboard((one,), ()))
    test accuracy on mine (n = 50, b57d), ranked by the lower end of the 95 %
    interval: t, of the mean over seeds; below these Wilson, of single runs
    #  accuracy  95 % interval   of  seeds  variant
    1    70.0 %  65.0 to 75.0 %  t       2  mlp
         a, b
    """

    standings: tuple[LeaderboardEntry, ...]
    unverified: tuple[Verification, ...]

    @property
    def by_data(self) -> dict[str, list[LeaderboardEntry]]:
        """The standings of each data source, by its fingerprint."""
        groups: dict[str, list[LeaderboardEntry]] = {}
        for standing in self.standings:
            groups.setdefault(standing.fingerprint, []).append(standing)
        return groups

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON types; ranks begin with 1 in each data source."""
        ranked = [
            {"rank": rank, **asdict(standing), "interval": list(standing.interval)}
            for group in self.by_data.values()
            for rank, standing in enumerate(group, start=1)
        ]
        return {"standings": ranked, "unverified": [one.to_json() for one in self.unverified]}

    def blocks(self) -> Sequence[Block]:
        """Return a table for each data source, and what was not verified."""
        return as_blocks(self.by_data.values(), self.unverified)

    def __str__(self) -> str:
        return as_text(self.by_data.values(), self.unverified)

    __repr__ = __str__


@explains_arguments("ck.leaderboard")
def leaderboard(verifications: Iterable[Verification], *, by_folder: bool = False) -> Leaderboard:
    """Rank verified runs.

    Runs of the same variant, code, options, recipe, callbacks and data are one standing, whatever
    their folders are called. With two seeds or more it is ranked by the lower end of the t-interval
    of their mean. Single runs come below all of these, by the lower end of their Wilson interval,
    which knows nothing of seeds: handing in the best of several runs gains nothing. Several runs
    of one seed count once, by the lowest of them, so that trying again does not pay; and so do
    runs with all but the same logits, which are copies under other seeds. Where two standings have
    the same logits both stay, and name each other.

    Args:
        verifications: of as many runs as there are, in any order.
        by_folder: the runs in each folder are standings of their own, as `runs/ada/*` and
            `runs/ben/*` of two students.

    Raises:
        DataError: something in it is no verification, or `by_folder` neither True nor False.

    >>> leaderboard([]).standings
    ()
    """
    checked_flag("by_folder", by_folder, error=DataError)
    groups: dict[tuple[str, str], list[Verification]] = {}
    unverified = []
    for one in verifications:
        if not isinstance(one, Verification):
            raise DataError(f"what is ranked is what ck.verify returned, found {one!r}")
        if one.passed and one.accuracy is not None:
            owner = str(one.folder.parent) if by_folder else ""
            groups.setdefault((training_of(one.about), owner), []).append(one)
        else:
            unverified.append(one)
    records = [group[0].about for group in groups.values()]
    pairs = list(same_logits(one for group in groups.values() for one in group))
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
    unverified.sort(key=lambda one: str(one.folder))
    return Leaderboard(tuple(standings), tuple(unverified))


def _order(standing: LeaderboardEntry) -> tuple[str, bool, float, float, str]:
    place = (standing.fingerprint, standing.interval_of == "Wilson")
    return (*place, -standing.interval.low, -standing.accuracy, standing.runs[0])


def _standing(group: Sequence[Verification]) -> LeaderboardEntry:
    counted: list[Verification] = []
    for one in sorted(group, key=lambda one: (one.accuracy, str(one.folder))):
        if not any(_is_double(one, other) for other in counted):
            counted.append(one)
    counted.sort(key=lambda one: str(one.folder))
    doubles = sorted(str(one.folder) for one in group if one not in counted)
    about, first = counted[0].about, counted[0]
    n, correct = first.n or 0, first.correct or 0
    shares = [one.accuracy or 0.0 for one in counted]
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
        runs=tuple(str(one.folder) for one in counted),
        doubles=tuple(doubles),
    )


def _elsewhere(
    group: Sequence[Verification], pairs: Iterable[tuple[Verification, Verification]]
) -> tuple[str, ...]:
    own = {one.folder for one in group}
    found = {
        str(other.folder)
        for pair in pairs
        for one, other in (pair, pair[::-1])
        if one.folder in own and other.folder not in own
    }
    return tuple(sorted(found))


def _is_double(one: Verification, other: Verification) -> bool:
    return one.about["seed"] == other.about["seed"] or are_alike(one, other)


def _settings(about: dict[str, Any], records: Sequence[dict[str, Any]]) -> str:
    """Write what tells a training from the others of its variant and data."""

    def is_akin(other: dict[str, Any]) -> bool:
        return bool(
            other["variant"]["name"] == about["variant"]["name"]
            and other["facts"]["data"]["fingerprint"] == about["facts"]["data"]["fingerprint"]
        )

    others = [_flat(other) for other in records if other is not about and is_akin(other)]
    own = _flat(about)
    telling = [
        key
        for key in sorted({key for flat in (own, *others) for key in flat})
        if any(other.get(key) != own.get(key) for other in others)
    ]
    return ", ".join(f"{key} {own.get(key, 'none')}" for key in telling)


def _flat(about: dict[str, Any]) -> dict[str, str]:
    """Return what decides a run's numbers, each setting under its path."""
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
