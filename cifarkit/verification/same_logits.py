"""Find runs with the same logits on test, or weights of one origin, but different records."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from cifarkit.runs.identity import training_of
from cifarkit.verification.verify import Verification

__all__ = ["are_alike", "families", "same_logits"]


def same_logits(
    verifications: Iterable[Verification],
) -> Iterator[tuple[Verification, Verification]]:
    """Yield each pair of runs that are almost the same but have different records.

    Their logits are almost the same, or they name two seeds and their weights are too alike for
    that. Either one is a copy of the other, or what differs has no effect: a callback that never
    acted, or one network under two names. This check cannot say which. Another seed changes the
    logits of the median image much more. Two runs with the same record may have the same logits.

    >>> list(same_logits([]))
    []
    """
    scored = [run for run in verifications if run.test_predictions is not None]
    for first, second in itertools.combinations(scored, 2):
        if _record(first) != _record(second) and are_alike(first, second):
            yield first, second


def families(
    pairs: Iterable[tuple[Verification, Verification]],
) -> list[list[Verification]]:
    """Collect the groups of runs that pairs connect, each run once.

    >>> families([])
    []
    """
    gathered: list[list[Verification]] = []
    for pair in pairs:
        touched = [family for family in gathered if any(run in family for run in pair)]
        merged = [run for family in touched for run in family]
        merged += [run for run in pair if run not in merged]
        gathered = [family for family in gathered if family not in touched] + [merged]
    return gathered


def _record(run: Verification) -> tuple[str, int]:
    return training_of(run.about), run.about["seed"]


def are_alike(first: Verification, second: Verification) -> bool:
    """Return whether two runs have almost the same test logits, or one's weights are the other's.

    Weights are compared only if the seeds differ: one seed begins with the same weights each time.
    """
    if first.test_predictions is None or second.test_predictions is None:
        return False
    if first.test_predictions.has_same_logits_as(second.test_predictions):
        return True
    if first.weights is None or second.weights is None:
        return False
    return first.about["seed"] != second.about["seed"] and first.weights.is_like(second.weights)
