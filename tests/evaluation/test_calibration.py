from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cifarkit as ck

fast = settings(max_examples=100, deadline=None, database=None)


@st.composite
def evaluations(draw: Any) -> ck.Evaluation:
    n, classes = draw(st.integers(1, 40)), draw(st.integers(2, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([0.0, 0.3, 3.0, 1000.0]))
    logits = (random.standard_normal((n, classes)) * scale).astype(np.float32)
    return ck.Evaluation(logits, random.integers(0, classes, n), tuple("abcde"[:classes]))


def slow_bins(evaluation: ck.Evaluation, bins: int) -> list[list[int]]:
    """Sort image by image: bin m takes (m - 1) / bins < confidence <= m / bins, exactly."""
    sorted_: list[list[int]] = [[] for _ in range(bins)]
    for image, row in enumerate(evaluation.probabilities.tolist()):
        confidence = Fraction(max(row))
        for index in range(bins):
            last = index == bins - 1  # rounding may carry a certain probability just above 1
            if Fraction(index, bins) < confidence and (
                last or confidence <= Fraction(index + 1, bins)
            ):
                sorted_[index].append(image)
                break
    return sorted_


def slow_error(evaluation: ck.Evaluation, bins: int) -> float:
    total = 0.0
    for images in slow_bins(evaluation, bins):
        if images:
            right = sum(evaluation.predicted[i] == evaluation.labels[i] for i in images)
            confidence = sum(float(evaluation.probabilities[i].max()) for i in images)
            total += abs(right - confidence) / len(images) * len(images) / len(evaluation)
    return total


@fast
@given(evaluations(), st.integers(1, 30))
def test_the_bins_and_the_error_are_those_of_a_slow_sort(
    evaluation: ck.Evaluation, bins: int
) -> None:
    table = ck.calibrate(evaluation, bins)
    assert table.counts.tolist() == [len(images) for images in slow_bins(evaluation, bins)]
    assert table.ece == pytest.approx(slow_error(evaluation, bins), abs=1e-6)


@fast
@given(evaluations(), st.integers(1, 30))
def test_the_laws_hold(evaluation: ck.Evaluation, bins: int) -> None:
    table = ck.calibrate(evaluation, bins)
    assert table.counts.sum() == len(evaluation)
    assert (table.edges[0], table.edges[-1], len(table.edges)) == (0.0, 1.0, bins + 1)
    assert 0.0 <= table.ece <= 1.0
    empty = table.counts == 0
    assert np.array_equal(np.isnan(table.confidence), empty)
    assert np.array_equal(np.isnan(table.accuracy), empty)
    filled = np.flatnonzero(~empty)
    assert (table.confidence[filled] <= table.edges[filled + 1] + 1e-6).all()
    assert (table.confidence[filled] >= table.edges[filled] - 1e-6).all()
    right = np.nansum(table.accuracy * table.counts)
    assert right == pytest.approx(evaluation.correct)


def test_half_open_bins_the_other_way_round_would_be_found() -> None:
    half = ck.Evaluation(np.zeros((1, 2), np.float32), np.array([0]), ("a", "b"))
    assert ck.calibrate(half, 2).counts.tolist() == [1, 0]  # 0.5 belongs to the lower bin
    assert np.histogram([0.5], 2, (0, 1))[0].tolist() == [0, 1]


def test_one_bin_is_the_gap_of_the_means() -> None:
    logits = np.array([[9.0, 0.0], [0.0, 9.0], [9.0, 0.0]], np.float32)
    evaluation = ck.Evaluation(logits, np.array([0, 1, 1]), ("cat", "dog"))
    gap = abs(evaluation.accuracy - evaluation.probabilities.max(axis=1).mean())
    assert ck.calibrate(evaluation, 1).ece == pytest.approx(gap, abs=1e-6)


def test_a_sure_and_right_network_is_calibrated() -> None:
    logits = np.eye(4, dtype=np.float32) * 1000
    evaluation = ck.Evaluation(logits, np.arange(4), tuple("abcd"))
    assert ck.calibrate(evaluation).ece == 0.0
    assert ck.calibrate(ck.Evaluation(logits, (np.arange(4) + 1) % 4, tuple("abcd"))).ece == 1.0


@pytest.mark.parametrize("bins", [0, -1, 1001, 2.0, True, "15", None])
def test_a_number_of_bins_that_is_none_is_refused(bins: Any) -> None:
    evaluation = ck.Evaluation(np.eye(2, dtype=np.float32), np.arange(2), ("a", "b"))
    with pytest.raises(ck.DataError, match="whole number, 1 <= value <= 1000; found"):
        ck.calibrate(evaluation, bins)
    assert len(ck.calibrate(evaluation, np.int64(3)).counts) == 3


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_logits_without_a_softmax_are_refused_and_the_first_is_named(broken: float) -> None:
    logits = np.array([[1, 0], [broken, broken], [broken, 0]], np.float32)
    evaluation = ck.Evaluation(logits, np.zeros(3, np.int64), ("a", "b"))
    with pytest.raises(ck.DataError, match="2 images have no confidence, first 1"):
        ck.calibrate(evaluation)
