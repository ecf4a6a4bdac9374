"""Describe the result of a comparison in a sentence short enough for a title."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cifarkit.plots.seed_rows import variant_rows
from cifarkit.tables import percent

if TYPE_CHECKING:
    from cifarkit.comparison.comparison import Comparison
    from cifarkit.comparison.pairs import Pair

__all__ = ["comparison_finding", "differences_finding"]

NAMED = 3  # a title names up to this many variants, and counts more
FEW: Final = "too few seeds"


def comparison_finding(comparison: Comparison) -> str:
    """Describe how the variant with the highest mean compares with the others.

    Raises:
        DataError: there is no run.
    """
    top = variant_rows(comparison)[0]
    if not comparison.pairs:
        n = len(top.values)
        return f"{top.name}: {percent(top.mean)} right {_over(n)}"
    if len(comparison.pairs) == 1:
        return _one_pair(comparison.pairs[0], comparison.verdicts[0].kind)
    if all(verdict.kind == FEW for verdict in comparison.verdicts):
        return f"Too few seeds to tell any of the {len(comparison.variants)} variants apart"
    return _top_against_others(comparison, top.name)


def differences_finding(comparison: Comparison) -> str:
    """Describe how many pairs can be told apart.

    Raises:
        DataError: there is no run.
    """
    kinds = [verdict.kind for verdict in comparison.verdicts]
    if len(kinds) < 2:
        return comparison_finding(comparison)
    if kinds.count(FEW) == len(kinds):
        return f"Too few seeds to tell any of the {len(kinds)} pairs apart"
    few = f"; too few seeds for {kinds.count(FEW)}" if FEW in kinds else ""
    return f"{kinds.count('better')} of {len(kinds)} pairs can be told apart{few}"


def _one_pair(pair: Pair, kind: str) -> str:
    ahead = pair.mirrored() if pair.difference < 0 else pair
    if pair.n == 0:
        return f"{pair.a} and {pair.b} have no seed in common"
    if pair.n == 1:
        return f"One seed cannot tell {ahead.a} from {ahead.b}"
    if kind == "better":
        return f"{ahead.a} is better than {ahead.b}: ahead in {ahead.wins} of {ahead.n} seeds"
    if kind == FEW:
        return (
            f"Too few seeds to tell {ahead.a} from {ahead.b}: "
            f"{ahead.a} ahead in {ahead.wins} of {ahead.n}"
        )
    if kind == "the same":
        return f"{ahead.a} and {ahead.b} are the same within the margin"
    if kind == "not decided":
        return f"{ahead.n} seeds do not decide between {ahead.a} and {ahead.b}"
    return f"{ahead.a} and {ahead.b} are not distinguishable with {ahead.n} seeds"


def _top_against_others(comparison: Comparison, top: str) -> str:
    behind: dict[str, list[str]] = {}
    for pair, verdict in zip(comparison.pairs, comparison.verdicts, strict=True):
        if top not in (pair.a, pair.b):
            continue
        other = pair.b if top == pair.a else pair.a
        lead = pair.difference if top == pair.a else -pair.difference
        # The highest mean over all seeds may be the lower one over the seeds that two variants
        # share.
        kind = "worse" if verdict.kind == "better" and lead < 0 else verdict.kind
        behind.setdefault(kind, []).append(other)
    others = len(comparison.variants) - 1
    words = {
        "better": "is better than",
        "worse": "is worse, on the seeds that both have, than",
        "the same": "is the same, within the margin, as",
        "not distinguishable": "is not distinguishable from",
        "not decided": "is not yet told apart from",
        FEW: "has too few seeds to be distinguished from",
    }
    parts = [
        f"{words[kind]} {_names(behind[kind], others, 'all' if kind == 'better' else 'any of the')}"
        for kind in words
        if kind in behind
    ]
    return f"{top} {', and '.join(parts)}"


def _names(names: Sequence[str], others: int, whole: str) -> str:
    """Return the names of some variants, or how many they are.

    >>> _names(["baseline", "deeper"], 3, "all"), _names(list("abcd"), 9, "all")
    ('baseline and deeper', '4 of 9 others')
    >>> _names(["a", "b", "c"], 3, "any of the")
    'any of the 3 others'
    """
    if len(names) == others > 1:
        return f"{whole} {others} others"
    if len(names) > NAMED:
        return f"{len(names)} of {others} others"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _over(n: int) -> str:
    return "with one seed" if n == 1 else f"on average over {n} seeds"
