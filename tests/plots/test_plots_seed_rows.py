from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from cifarkit.comparison.comparison import Comparison
from cifarkit.errors import DataError
from cifarkit.plots.seed_rows import difference_rows, variant_rows


def test_rows_hold_what_the_table_says(make_comparison: Callable[..., Comparison]) -> None:
    comparison = make_comparison({"low": [0.5, 0.54, 0.52], "high": [0.6, 0.62, 0.58]})
    for row in variant_rows(comparison):
        expected = comparison.table.loc[row.name]
        assert (row.mean, row.interval) == (expected["mean"], (expected["low"], expected["high"]))
        assert len(row.values) == expected["n"]
    assert variant_rows(comparison)[1].values == {0: 0.5, 1: 0.54, 2: 0.52}


def test_the_highest_mean_comes_first_and_keeps_its_place(
    make_comparison: Callable[..., Comparison],
) -> None:
    rows = variant_rows(make_comparison({"a": [0.5], "b": [0.7], "c": [0.6]}))
    assert [(row.name, row.index) for row in rows] == [("b", 1), ("c", 2), ("a", 0)]


def test_equal_means_stay_in_the_order_asked_for(
    make_comparison: Callable[..., Comparison],
) -> None:
    rows = variant_rows(make_comparison({"b": [0.5], "a": [0.5], "c": [0.5]}))
    assert [row.name for row in rows] == ["b", "a", "c"]


def test_a_variant_without_a_run_comes_last_and_is_there(
    make_comparison: Callable[..., Comparison],
) -> None:
    rows = variant_rows(make_comparison({"failed": [], "ran": [0.4]}))
    assert [row.name for row in rows] == ["ran", "failed"]
    assert math.isnan(rows[1].mean)
    assert rows[1].interval is rows[0].interval is None


def test_differences_are_those_of_shared_seeds(
    make_comparison: Callable[..., Comparison],
) -> None:
    comparison = make_comparison({"a": {0: 0.5, 1: 0.6, 2: 0.7}, "b": {1: 0.65, 2: 0.71, 3: 0.9}})
    (row,), (pair,) = difference_rows(comparison), comparison.pairs
    assert row.name == "b - a"
    assert row.values == pytest.approx({1: 0.05, 2: 0.01})
    assert (row.mean, row.interval, row.p_holm) == (pair.difference, pair.interval, pair.p_holm)


def test_a_single_pair_of_runs_has_no_test(make_comparison: Callable[..., Comparison]) -> None:
    (row,) = difference_rows(make_comparison({"a": [0.5], "b": [0.6]}))
    assert row.interval is row.p_holm is None


def test_nothing_is_drawn_of_nothing(make_comparison: Callable[..., Comparison]) -> None:
    with pytest.raises(DataError, match="the comparison has no run"):
        variant_rows(make_comparison({"a": [], "b": []}))
    with pytest.raises(DataError, match="a difference needs two variants"):
        difference_rows(make_comparison({"a": [0.5]}))


@pytest.mark.parametrize("wrong", [None, 3, "runs"])
def test_what_is_no_comparison_is_refused(wrong: Any) -> None:
    for rows in (variant_rows, difference_rows):
        with pytest.raises(DataError, match=r"the figure needs what ck\.compare returned, found"):
            rows(wrong)
