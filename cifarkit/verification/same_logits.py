"""Runs that say the same of test, though their records differ."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from cifarkit.runs.identity import training_of
from cifarkit.verification.verify import Verification

__all__ = ["are_alike", "families", "same_logits"]


def same_logits(
    verifications: Iterable[Verification],
) -> Iterator[tuple[Verification, Verification]]:
    """Give each pair of runs with all but the same logits, whose records differ.

    Either one is a copy of the other, or what differs has changed nothing: a callback that never
    came into play, one network under two names. Which of them cannot be told from here, but that
    another seed moves the middle image much further. Two runs of one record may well be alike.

    >>> list(same_logits([]))
    []
    """
    scored = [one for one in verifications if one.test_predictions is not None]
    for one, other in itertools.combinations(scored, 2):
        if _record(one) != _record(other) and are_alike(one, other):
            yield one, other


def families(
    pairs: Iterable[tuple[Verification, Verification]],
) -> list[list[Verification]]:
    """Gather what pairs connect, each run once.

    >>> families([])
    []
    """
    gathered: list[list[Verification]] = []
    for pair in pairs:
        touched = [family for family in gathered if any(one in family for one in pair)]
        merged = [one for family in touched for one in family]
        merged += [one for one in pair if one not in merged]
        gathered = [family for family in gathered if family not in touched] + [merged]
    return gathered


def _record(one: Verification) -> tuple[str, int]:
    return training_of(one.about), one.about["seed"]


def are_alike(one: Verification, other: Verification) -> bool:
    """Return whether two runs have the same logits, as far as their receipts can be read."""
    return bool(
        one.test_predictions
        and other.test_predictions
        and one.test_predictions.has_same_logits_as(other.test_predictions)
    )
