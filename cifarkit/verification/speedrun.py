"""Rank verified runs by their training seconds, among those that reach a target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cifarkit.annotations import Range
from cifarkit.arguments import checked
from cifarkit.guidance import explains_arguments
from cifarkit.tables import p_value, printable
from cifarkit.verification.entries import gather
from cifarkit.verification.evidence import percent
from cifarkit.verification.leaderboard_text import (
    Board,
    Ranking,
    Unranked,
    describe_runs,
    name_of,
    unverified_part,
)
from cifarkit.verification.machines import machine_of, software_of
from cifarkit.verification.speedrun_entry import SpeedrunEntry, judge
from cifarkit.verification.verify import Verification

__all__ = ["SpeedrunLeaderboard", "speedrun_leaderboard"]


@dataclass(frozen=True, repr=False)
class SpeedrunLeaderboard(Board):
    """The entries that reach a target, fastest first, and all others; `str()` is a table.

    Args:
        target: the test accuracy to reach, in [0, 1].
        standings: the entries that reach it by the rules, ranked by their mean seconds, one data
            source and one machine after another.
        refused: the verified entries that do not; each says why.
        unverified: the runs that are not verified, so they are not ranked.

    >>> print(SpeedrunLeaderboard(0.9, (), (), ()))
    no runs
    """

    target: float
    standings: tuple[SpeedrunEntry, ...]
    refused: tuple[SpeedrunEntry, ...]
    unverified: tuple[Verification, ...]

    @property
    def by_machine(self) -> dict[tuple[str, str], list[SpeedrunEntry]]:
        """The ranked entries of each data source, by its fingerprint, on each machine."""
        groups: dict[tuple[str, str], list[SpeedrunEntry]] = {}
        for standing in self.standings:
            key = (standing.entry.fingerprint, standing.machine)
            groups.setdefault(key, []).append(standing)
        return groups

    def to_json(self) -> dict[str, Any]:
        """Return the leaderboard as JSON types; ranks begin with 1 on each machine."""
        ranked = [
            {"rank": rank, **_to_json(standing)}
            for group in self.by_machine.values()
            for rank, standing in enumerate(group, start=1)
        ]
        return {
            "target": self.target,
            "standings": ranked,
            "refused": [_to_json(entry) for entry in self.refused],
            "unverified": [run.to_json() for run in self.unverified],
        }

    def parts(self) -> Sequence[Ranking | Unranked]:
        """Return a ranking for each data source and machine, and then what is not ranked."""
        rankings = [_ranking(group, self.target) for group in self.by_machine.values()]
        reasons = [(name_of(each.entry), _reasons(each)) for each in self.refused]
        refused = [Unranked("verified, but not ranked", reasons)] if reasons else []
        return [*rankings, *refused, *unverified_part(self.unverified)]


@explains_arguments("ck.speedrun_leaderboard")
def speedrun_leaderboard(
    verifications: Iterable[Verification], *, target: float, by_folder: bool = False
) -> SpeedrunLeaderboard:
    """Rank verified runs by their training seconds, among those that reach a test accuracy.

    Runs that differ only in the seed are one entry, as in `leaderboard`, if machine and versions
    are the same, too. An entry is ranked if it has the seeds 0, 1, 2 and perhaps more, was not
    resumed, and its mean accuracy reaches the target with p < .01 (Student's t-test, one-sided).
    The rule on p is that of the NanoGPT speedrun, https://github.com/KellerJordan/modded-nanogpt.
    Accuracies are verified. Seconds are what the records claim.

    Args:
        verifications: the verifications of any number of runs, in any order.
        target: the test accuracy to reach, in [0, 1].
        by_folder: rank the runs of each folder separately, such as `runs/ada/*` and `runs/ben/*`
            of two students.

    Raises:
        DataError: an item is not a verification, `target` is not in [0, 1], or `by_folder` is
            neither True nor False.

    >>> speedrun_leaderboard([], target=0.9).standings
    ()
    """
    target = checked("target", target, Range(0, 1))
    gathered = gather(verifications, by_folder=by_folder, apart=_conditions)
    judged = sorted((judge(entry, runs, target) for entry, runs in gathered.entries), key=_order)
    return SpeedrunLeaderboard(
        target,
        standings=tuple(each for each in judged if not each.refused),
        refused=tuple(each for each in judged if each.refused),
        unverified=gathered.unverified,
    )


def _conditions(run: Verification) -> str:
    facts = run.about["facts"]
    return f"{machine_of(facts)}, {software_of(facts)}"


def _order(each: SpeedrunEntry) -> tuple[str, str, float, str]:
    return each.entry.fingerprint, each.machine, each.mean_seconds, each.entry.runs[0]


def _ranking(group: Sequence[SpeedrunEntry], target: float) -> Ranking:
    first, runs = group[0], group[0].entry
    return Ranking(
        f"Mean training seconds to a test accuracy of {percent(target)} on {runs.data} "
        f"(n = {runs.n:,}, {runs.fingerprint[:12]}), {printable(first.machine)}. Accuracies are "
        "verified, and seconds are claimed.",
        columns=("seconds", "least to most", "accuracy", "p", "seeds", "variant"),
        align="rlrlrl",
        rows=[
            (
                f"{each.mean_seconds:,.2f}",
                f"{min(each.seconds):,.2f} to {max(each.seconds):,.2f}",
                f"{100 * each.entry.accuracy:.2f} %",
                p_value(each.p),
                str(each.entry.seeds),
                name_of(each.entry),
            )
            for each in group
        ],
        details=[[*describe_runs(each.entry), each.software] for each in group],
    )


def _reasons(each: SpeedrunEntry) -> list[str]:
    return [each.refused, f"{each.machine}, {each.software}", *describe_runs(each.entry)]


def _to_json(each: SpeedrunEntry) -> dict[str, Any]:
    document = asdict(each)
    entry = {**document.pop("entry"), "interval": list(each.entry.interval)}
    return {**entry, **document, "mean_seconds": each.mean_seconds}
