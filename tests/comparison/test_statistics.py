from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cifarkit.comparison.statistics import (
    holm,
    mcnemar,
    sign_flip_test,
    t_interval,
    t_test_above,
)
from cifarkit.errors import DataError
from cifarkit.evaluation.intervals import ConfidenceInterval

accuracy = st.integers(0, 10_000).map(lambda hits: hits / 10_000)
differences = st.lists(st.integers(-300, 300), min_size=1, max_size=8)


def all_patterns(whole: Sequence[int]) -> float:
    """Return p by walking through every pattern of signs, in whole numbers."""
    sums = [
        abs(sum(sign * number for sign, number in zip(signs, whole, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(whole))
    ]
    return sum(total >= abs(sum(whole)) for total in sums) / len(sums)


def closed_testing(ps: Sequence[float]) -> list[float]:
    """Adjust by the definition: the worst Bonferroni p of all the families a p is in."""
    places = range(len(ps))
    families = [
        family for size in range(1, len(ps) + 1) for family in itertools.combinations(places, size)
    ]
    return [
        max(
            min(1.0, len(family) * min(ps[member] for member in family))
            for family in families
            if place in family
        )
        for place in places
    ]


@settings(max_examples=60, database=None)
@given(st.lists(accuracy, min_size=2, max_size=12))
def test_the_t_interval_is_scipys(values: list[float]) -> None:
    found = t_interval(values)
    sem = scipy.stats.sem(values)
    if sem > 1e-12:  # scipy has none where nothing spreads
        theirs = scipy.stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=sem)
        assert found == pytest.approx(theirs, abs=1e-12)
    assert found is not None
    assert found.low <= np.mean(values) + 1e-12
    assert found.high >= np.mean(values) - 1e-12


@settings(max_examples=60, database=None)
@given(st.lists(accuracy, min_size=2, max_size=12), st.integers(-50, 50))
def test_the_t_interval_moves_with_a_shift_and_mirrors_with_the_sign(
    values: list[float], shift: int
) -> None:
    here, there = t_interval(values), t_interval([value + shift / 100 for value in values])
    assert here is not None
    assert there == pytest.approx((here.low + shift / 100, here.high + shift / 100), abs=1e-9)
    assert t_interval([-value for value in values]) == (-here.high, -here.low)


def test_of_fewer_than_two_values_there_is_no_interval() -> None:
    assert t_interval([]) is None
    assert t_interval([0.7]) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    for function in (t_interval, sign_flip_test):
        with pytest.raises(DataError, match=f"must be finite, found {bad}; leave out"):
            function([0.1, bad])


def test_a_span_prints_in_points_and_has_no_negative_zero() -> None:
    assert ConfidenceInterval(-0.0004, 0.03).in_points() == "+0.0 to +3.0"
    assert ConfidenceInterval(-0.0121, -0.0004).in_points() == "-1.2 to +0.0"


@settings(max_examples=150, database=None)
@given(differences)
def test_the_sign_flip_test_is_the_walk_through_all_patterns(whole: list[int]) -> None:
    accuracies = [(7000 + number) / 10_000 for number in whole]
    assert sign_flip_test([a - 0.7 for a in accuracies]) == (all_patterns(whole), 0.0)


@settings(max_examples=30, database=None)
@given(st.lists(st.floats(-0.05, 0.05), min_size=2, max_size=8))
def test_the_sign_flip_test_is_scipys_where_nothing_ties(values: list[float]) -> None:
    noisy = np.array(values) + np.random.default_rng(len(values)).normal(0, 0.01, len(values))
    theirs = scipy.stats.permutation_test(
        (noisy,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    # Near 0 scipy's margin is narrower than the rounding of its sums, and it misses what it saw.
    assume(abs(theirs.statistic) > 1e-4)
    assert sign_flip_test(noisy).p == theirs.pvalue


@settings(max_examples=60, database=None)
@given(differences)
def test_p_keeps_its_bits_when_signs_and_order_turn(whole: list[int]) -> None:
    values = [number / 10_000 for number in whole]
    p = sign_flip_test(values)
    assert sign_flip_test([-value for value in values]) == p
    assert sign_flip_test(values[::-1]) == p


def test_rounding_breaks_no_tie() -> None:
    tenths = [0.3 - 0.2, 0.2 - 0.1, 0.1 - 0.2, 0.8 - 0.7]  # ten thousandths apart on paper only
    assert len({abs(value) for value in tenths}) > 1
    assert sign_flip_test(tenths).p == all_patterns([1, 1, -1, 1])
    zeros = [0.3 - 0.2, 0.1 - 0.2]
    assert sum(zeros) != 0
    assert sign_flip_test(zeros).p == 1.0


def test_differences_of_nothing_are_no_evidence() -> None:
    assert sign_flip_test([0.0] * 7) == (1.0, 0.0)
    assert sign_flip_test([0.02]) == (1.0, 0.0)
    assert sign_flip_test([0.0] * 30).p == 1.0


def test_sixteen_seeds_are_walked_through_and_seventeen_drawn() -> None:
    values = np.random.default_rng(0).normal(0.004, 0.01, 17)
    exact, drawn = sign_flip_test(values[:16]), sign_flip_test(values)
    assert exact.error == 0.0
    assert exact.p * 2**16 == round(exact.p * 2**16)
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    true = np.mean(np.abs(sums) >= abs(values.sum()) - 1e-12)
    assert drawn.error == pytest.approx(math.sqrt(true * (1 - true) / 99_999), rel=0.05)
    assert abs(drawn.p - true) < 4 * drawn.error
    assert sign_flip_test(-values) == drawn
    assert sign_flip_test(values, seed=1) != drawn


def test_drawn_patterns_never_give_a_p_of_zero() -> None:
    p, error = sign_flip_test([0.02 + seed / 10_000 for seed in range(40)])
    assert p == 1 / 100_000
    assert error > 0


def test_without_differences_there_is_no_test() -> None:
    with pytest.raises(DataError, match="at least one paired difference, found none"):
        sign_flip_test([])


@settings(max_examples=80, database=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test_of_bonferroni(ps: list[float]) -> None:
    assert holm(ps) == pytest.approx(closed_testing(ps), abs=1e-12)


@settings(max_examples=60, database=None)
@given(st.permutations([0.001, 0.01, 0.01, 0.02, 0.3, 0.9]))
def test_holm_keeps_the_order_it_was_given(ps: list[float]) -> None:
    adjusted = dict(zip(sorted(ps), holm(sorted(ps)), strict=True))
    assert holm(ps) == [adjusted[p] for p in ps]


def test_holm_of_nothing_is_nothing() -> None:
    assert holm([]) == []


@pytest.mark.parametrize("bad", [-0.1, 1.5, math.nan])
def test_what_is_no_probability_is_refused(bad: float) -> None:
    with pytest.raises(DataError, match=r"in \[0, 1\], found"):
        holm([0.5, bad])


@settings(max_examples=60, database=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test_of_scipy(only_a: int, only_b: int) -> None:
    a = np.array([True] * only_a + [False] * only_b + [True, False])
    b = np.array([False] * only_a + [True] * only_b + [True, False])
    found, mirrored = mcnemar(a, b), mcnemar(b, a)
    assert found[:2] == (only_a, only_b)
    assert mirrored == (only_b, only_a, found.p)
    if only_a + only_b:
        assert found.p == pytest.approx(scipy.stats.binomtest(only_a, only_a + only_b).pvalue)


def test_networks_with_the_same_answers_are_no_evidence() -> None:
    assert mcnemar(np.array([True, False]), np.array([True, False])) == (0, 0, 1.0)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones(3, bool), np.ones(4, bool)),
        (np.ones(3, int), np.ones(3, int)),
        (np.ones((1, 3), bool), np.ones((1, 3), bool)),
    ],
)
def test_what_are_not_answers_on_the_same_images_is_refused(a: Any, b: Any) -> None:
    with pytest.raises(DataError, match="needs bool `images` of two networks, found"):
        mcnemar(a, b)


@pytest.mark.parametrize("n", [3, 6, 10])
def test_the_t_interval_covers_the_truth(n: int, times: Callable[[int, int], int]) -> None:
    studies = times(400, 2_000)
    skewed = np.random.default_rng(n).gamma(4.0, 0.002, (2, studies, n))  # of two variants
    values = skewed[0] - skewed[1] + 0.01
    spans = np.array([t_interval(study) for study in values])
    covered = np.mean((spans[:, 0] <= 0.01) & (spans[:, 1] >= 0.01))
    print(f"seed {n}: {n} seeds, {studies} studies, {100 * covered:.1f} % covered")
    slack = max(0.02, 3 * math.sqrt(0.95 * 0.05 / studies))
    assert 0.95 - slack <= covered <= 0.95 + slack
    # The control: as if two standard errors were enough for any number of seeds.
    far = np.abs(values.mean(axis=1) - 0.01) / scipy.stats.sem(values, axis=1)
    assert np.mean(far <= 1.96) < covered - 0.015


@settings(max_examples=60, database=None)
@given(st.lists(accuracy, min_size=2, max_size=12), accuracy)
def test_the_one_sided_t_test_is_scipys(values: list[float], bound: float) -> None:
    if np.std(values) > 1e-6:  # scipy has none where nothing spreads
        theirs = scipy.stats.ttest_1samp(values, bound, alternative="greater").pvalue
        assert t_test_above(values, bound, step=1e-9) == pytest.approx(theirs, abs=1e-12)


def test_equal_accuracies_prove_no_more_than_whole_images_can() -> None:
    assert t_test_above([0.8801] * 3, 0.88, step=1e-4) > 0.01
    assert t_test_above([0.8805] * 3, 0.88, step=1e-4) < 0.01
    assert t_test_above([0.88] * 3, 0.88, step=1e-4) == pytest.approx(0.5)


def test_a_mean_at_the_bound_passes_as_rarely_as_p_says() -> None:
    draws = np.random.default_rng(0).normal(0.88, 0.002, (2_000, 3))
    above = sum(t_test_above(values, 0.88, step=1e-4) < 0.05 for values in draws)
    assert scipy.stats.binomtest(above, len(draws), 0.05).pvalue > 0.001
    better = sum(t_test_above(values, 0.87, step=1e-4) < 0.05 for values in draws)
    assert better > 0.9 * len(draws)


def test_a_single_accuracy_is_no_test() -> None:
    with pytest.raises(DataError, match="needs two or more accuracies, found 1; train more seeds"):
        t_test_above([0.9], 0.88, step=1e-4)
