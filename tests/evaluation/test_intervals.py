from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

import cifarkit as ck

counts = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
few = st.integers(1, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=80, deadline=None, database=None)
@given(st.one_of(counts, few))
def test_the_interval_is_scipys(counted: tuple[int, int]) -> None:
    correct, n = counted
    scipys = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    assert ck.wilson_interval(correct, n) == pytest.approx((scipys.low, scipys.high), abs=1e-12)


def test_another_interval_would_be_found() -> None:
    exact = binomtest(3, 10).proportion_ci(0.95, method="exact")
    assert ck.wilson_interval(3, 10) != pytest.approx((exact.low, exact.high), abs=1e-12)


@settings(max_examples=150, deadline=None, database=None)
@given(st.one_of(counts, few))
def test_the_share_lies_inside_and_the_ends_in_range(counted: tuple[int, int]) -> None:
    correct, n = counted
    low, high = ck.wilson_interval(correct, n)
    assert 0.0 <= low <= correct / n <= high <= 1.0
    assert (low == 0.0) == (correct == 0)
    assert (high == 1.0) == (correct == n)


def test_the_ends_are_exact_where_all_or_none_are_hits() -> None:
    assert [n for n in range(1, 1000) if ck.wilson_interval(0, n).low != 0.0] == []
    assert [n for n in range(1, 1000) if ck.wilson_interval(n, n).high != 1.0] == []


@settings(max_examples=60, deadline=None, database=None)
@given(counts)
def test_misses_mirror_hits(counted: tuple[int, int]) -> None:
    correct, n = counted
    low, high = ck.wilson_interval(correct, n)
    assert ck.wilson_interval(n - correct, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_of_no_images_nothing_is_known() -> None:
    assert ck.wilson_interval(0, 0) == (0.0, 1.0)


def test_numpys_numbers_are_numbers() -> None:
    assert ck.wilson_interval(np.int64(73), np.int64(100)) == ck.wilson_interval(73, 100)
    # The square of n would not go into these.
    assert ck.wilson_interval(np.uint8(200), np.uint8(250)) == ck.wilson_interval(200, 250)


@pytest.mark.parametrize(
    ("correct", "n"), [(5, 3), (-1, 3), (1, 0), (0, -1), (float("nan"), 3), (2.5, 3)]
)
def test_more_hits_than_images_are_refused(correct: Any, n: int) -> None:
    with pytest.raises(ck.DataError, match=f"from 0 to n; found {correct} and {n}"):
        ck.wilson_interval(correct, n)


def test_an_interval_prints_in_percent() -> None:
    assert str(ck.ConfidenceInterval(0.0, 1.0)) == "0.0 to 100.0 %"
