"""Rank verified runs by the lower end of the 95 % interval, so that luck does not help."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cifarkit.guidance import explains_arguments
from cifarkit.tables import percent
from cifarkit.verification.entries import gather
from cifarkit.verification.leaderboard_entry import LeaderboardEntry
from cifarkit.verification.leaderboard_text import (
    Board,
    Ranking,
    Unranked,
    describe_runs,
    name_of,
    unverified_part,
)
from cifarkit.verification.verify import Verification

__all__ = ["Leaderboard", "leaderboard"]


@dataclass(frozen=True, repr=False)
class Leaderboard(Board):
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

    def parts(self) -> Sequence[Ranking | Unranked]:
        """Return a ranking for each data source, and the runs that are not verified."""
        rankings = [_ranking(group) for group in self.by_data.values()]
        return [*rankings, *unverified_part(self.unverified)]


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
    gathered = gather(verifications, by_folder=by_folder)
    standings = sorted((entry for entry, _ in gathered.entries), key=_order)
    return Leaderboard(tuple(standings), gathered.unverified)


def _order(standing: LeaderboardEntry) -> tuple[str, bool, float, float, str]:
    group = (standing.fingerprint, standing.interval_of == "Wilson")
    return (*group, -standing.interval.low, -standing.accuracy, standing.runs[0])


def _ranking(group: Sequence[LeaderboardEntry]) -> Ranking:
    first = group[0]
    return Ranking(
        f"Test accuracy on {first.data} (n = {first.n:,}, {first.fingerprint[:12]}), ranked by the "
        "lower end of the 95 % interval. It is a t-interval of the mean over seeds. Single runs "
        "stand below these, with Wilson's interval.",
        columns=("accuracy", "95 % interval", "of", "seeds", "variant"),
        align="rllrl",
        rows=[
            (
                percent(entry.accuracy),
                str(entry.interval),
                entry.interval_of,
                str(entry.seeds),
                name_of(entry),
            )
            for entry in group
        ],
        details=[describe_runs(entry) for entry in group],
    )
