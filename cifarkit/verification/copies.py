"""Runs that say the same of test and cannot both be what their records say."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from cifarkit.comparison.identity import training_of
from cifarkit.verification.verify import Verification

__all__ = ["contradictions", "families"]


def contradictions(
    verifications: Iterable[Verification],
) -> Iterator[tuple[Verification, Verification]]:
    """Give each pair of runs with all but the same logits, whose records differ.

    Another seed, recipe or variant moves the middle image much further, so one of the two is a
    copy of the other under another record. The same training from the same seed may well give the
    same logits, to two honest students.

    >>> list(contradictions([]))
    []
    """
    scored = [one for one in verifications if one.receipt is not None]
    for one, other in itertools.combinations(scored, 2):
        if _record(one) != _record(other) and _is_copy(one, other):
            yield one, other


def families(
    pairs: Iterable[tuple[Verification, Verification]],
) -> list[list[Verification]]:
    """Gather pairs that share a run, each run once.

    >>> families([])
    []
    """
    gathered: list[list[Verification]] = []
    for pair in pairs:
        known = [family for family in gathered if any(one in family for one in pair)]
        if not known:
            gathered.append([])
            known = gathered[-1:]
        known[0] += [one for one in pair if one not in known[0]]
    return gathered


def _record(one: Verification) -> tuple[str, int]:
    return training_of(one.about), one.about["seed"]


def _is_copy(one: Verification, other: Verification) -> bool:
    return bool(one.receipt and other.receipt and one.receipt.is_copy_of(other.receipt))
