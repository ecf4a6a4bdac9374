from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cifarkit as ck

fast = settings(max_examples=80, deadline=None, database=None)
NAMES = ("ant", "bee", "cow", "dog")


@st.composite
def evaluations(draw: Any) -> ck.Evaluation:
    """Draw few logits from few numbers, so that losses and counts tie."""
    n, classes = draw(st.integers(1, 12)), draw(st.integers(2, 4))
    numbers = st.sampled_from([0.0, 1.0, 5.0])
    logits = draw(
        st.lists(st.lists(numbers, min_size=classes, max_size=classes), min_size=n, max_size=n)
    )
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n))
    return ck.Evaluation(np.array(logits, np.float32), np.array(labels), NAMES[:classes])


def slow_top_losses(evaluation: ck.Evaluation, k: int) -> list[int]:
    """Take the worst left, the earliest of equals, `k` times."""
    left = list(range(len(evaluation)))
    worst: list[int] = []
    while left and len(worst) < k:
        best = left[0]
        for index in left:
            if evaluation.losses[index] > evaluation.losses[best]:
                best = index
        left.remove(best)
        worst.append(best)
    return worst


def slow_pairs(evaluation: ck.Evaluation, k: int) -> list[tuple[str, str, int, float]]:
    """Count image by image; of equal counts the order of the classes decides."""
    counts: dict[tuple[int, int], int] = {}
    totals: dict[int, int] = {}
    for true, predicted in zip(
        evaluation.labels.tolist(), evaluation.predicted.tolist(), strict=True
    ):
        totals[true] = totals.get(true, 0) + 1
        if true != predicted:
            counts[true, predicted] = counts.get((true, predicted), 0) + 1
    order = sorted(counts, key=lambda pair: (-counts[pair], pair))[:k]
    names = evaluation.classes
    return [(names[t], names[p], counts[t, p], counts[t, p] / totals[t]) for t, p in order]


@fast
@given(evaluations(), st.integers(0, 15))
def test_top_losses_are_those_of_a_slow_search(evaluation: ck.Evaluation, k: int) -> None:
    indices = ck.top_losses(evaluation, k)
    assert indices.dtype == np.int64
    assert indices.tolist() == slow_top_losses(evaluation, k)


@fast
@given(evaluations(), st.integers(0, 15))
def test_confused_pairs_are_those_of_a_slow_count(evaluation: ck.Evaluation, k: int) -> None:
    pairs = [
        (pair.true, pair.predicted, pair.count, pair.share)
        for pair in ck.confused_pairs(evaluation, k)
    ]
    assert pairs == slow_pairs(evaluation, k)


def test_ties_in_another_order_would_be_found() -> None:
    equal = ck.Evaluation(np.zeros((3, 2), np.float32), np.ones(3, np.int64), NAMES[:2])
    assert ck.top_losses(equal).tolist() == [0, 1, 2]
    assert np.argsort(equal.losses)[::-1].tolist() != slow_top_losses(equal, 3)


def test_without_a_mistake_there_are_no_pairs() -> None:
    right = ck.Evaluation(np.eye(3, dtype=np.float32), np.arange(3), NAMES[:3])
    assert ck.confused_pairs(right) == []
    assert len(ck.top_losses(right)) == 3


def test_a_pair_reads_as_a_sentence() -> None:
    assert str(ck.ConfusedPair("cat", "dog", 3, 0.125)) == "cat called dog: 3 (12.5 %)"


def test_the_evaluations_own_confusion_is_left_alone() -> None:
    evaluation = ck.Evaluation(np.eye(3, dtype=np.float32), np.array([0, 1, 1]), NAMES[:3])
    ck.confused_pairs(evaluation)
    assert evaluation.confusion.trace() == 2


def test_a_loss_without_end_is_the_worst() -> None:
    logits = np.array([[5, 0], [-np.inf, 0], [0, 5]], np.float32)
    evaluation = ck.Evaluation(logits, np.zeros(3, np.int64), NAMES[:2])
    assert ck.top_losses(evaluation).tolist() == [1, 2, 0]


@pytest.mark.parametrize("k", [-1, 1.5, True, "3", None])
@pytest.mark.parametrize("function", [ck.top_losses, ck.confused_pairs])
def test_a_count_that_is_none_is_refused(function: Any, k: Any) -> None:
    evaluation = ck.Evaluation(np.eye(3, dtype=np.float32), np.array([0, 1, 1]), NAMES[:3])
    with pytest.raises(ck.DataError, match="k must be a whole number, value >= 0; found"):
        function(evaluation, k=k)
    assert len(function(evaluation, k=np.int64(1))) == 1
