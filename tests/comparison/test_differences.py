from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from cifarkit.comparison.differences import difference_interval, difference_test, same_p
from cifarkit.comparison.statistics import holm, sign_flip_test, t_interval
from cifarkit.errors import DataError

Floats = np.ndarray[Any, np.dtype[np.float64]]
whole = st.lists(st.integers(-300, 300), min_size=2, max_size=9)


def normal(chance: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return chance.standard_normal(shape)


def lognormal(chance: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return lognormal numbers with mean 0 and sd 1."""
    return (chance.lognormal(size=shape) - math.exp(0.5)) / math.sqrt(math.e**2 - math.e)


def failing(chance: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return normal numbers of which one in ten is 3 sd lower; the mean is 0."""
    return chance.standard_normal(shape) - 3 * (chance.random(shape) < 0.1) + 0.3


# One variant scatters like this, all others like `normal`; the means of all are equal.
WORLDS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Floats]] = {
    "alike": normal,
    "three times the sd": lambda chance, shape: 3 * normal(chance, shape),
    "one in ten fails": failing,
    "lognormal, three times the sd": lambda chance, shape: 3 * lognormal(chance, shape),
    "lognormal downwards": lambda chance, shape: -3 * lognormal(chance, shape),
    "exponential": lambda chance, shape: 3 * (chance.exponential(size=shape) - 1),
    "heavy tails": lambda chance, shape: chance.standard_t(3, shape) / math.sqrt(3),
}


def drawn(world: str, n: int, studies: int, *, variants: int = 2) -> Floats:
    """Return accuracies `studies variants n`, of which the first variant is unlike the others."""
    chance = np.random.default_rng(n)
    values = normal(chance, (studies, variants, n))
    values[:, 0] = WORLDS[world](chance, (studies, n))
    return values


def slack(studies: int, share: float = 0.05) -> float:
    """Return three standard errors of a share."""
    return 3 * math.sqrt(share * (1 - share) / studies)


@pytest.mark.parametrize("n", [6, 8, 10, 20])
@pytest.mark.parametrize("world", WORLDS)
def test_better_is_said_of_equal_variants_in_at_most_6_percent_of_studies(
    world: str, n: int, times: Callable[[int, int], int]
) -> None:
    studies = times(300, 10_000)
    values = drawn(world, n, studies)
    spans = [difference_interval(a - b) for a, b in values]
    out = [span is not None and not span.low <= 0 <= span.high for span in spans]
    # Where the interval holds 0, p is above .05; the slow count of sign flips can be spared.
    better = [
        difference_test(a - b).p < 0.05 for (a, b), far in zip(values, out, strict=True) if far
    ]
    wrong, covered = sum(better) / studies, 1 - np.mean(out)
    print(f"{world}, {n} seeds, {studies} studies: better {wrong:.1%}, covered {covered:.1%}")
    assert wrong <= 0.06 + (slack(studies) if studies < 10_000 else 0)
    assert covered >= 0.92 - (slack(studies) if studies < 10_000 else 0)


@pytest.mark.parametrize("n", [8, 10])
def test_the_control_flips_and_students_interval_alone_are_wrong_too_often(n: int) -> None:
    values = drawn("lognormal, three times the sd", n, 400)
    differences = values[:, 0] - values[:, 1]
    spans = np.array([t_interval(study) for study in differences])
    assert np.mean([sign_flip_test(study).p < 0.05 for study in differences]) > 0.07
    assert np.mean((spans[:, 0] <= 0) & (spans[:, 1] >= 0)) < 0.92


def test_failures_that_no_seed_has_shown_are_beyond_any_test(
    times: Callable[[int, int], int],
) -> None:
    """The page on significance says so: one run in ten is 60 sd lower, and the means are equal."""
    studies, n = times(300, 10_000), 8
    chance = np.random.default_rng(0)
    failed = chance.random((studies, n)) < 0.1
    differences = 6 - 60 * failed + math.sqrt(2) * chance.standard_normal((studies, n))
    better = np.array([difference_test(study).p < 0.05 for study in differences])
    unseen = ~failed.any(axis=1)
    print(f"{studies} studies: better {better.mean():.1%}, none failed in {unseen.mean():.1%}")
    assert 0.3 < better.mean() < 0.6
    assert unseen[better].all()


@pytest.mark.parametrize("world", ["alike", "lognormal, three times the sd", "one in ten fails"])
def test_of_four_equal_variants_any_better_comes_in_at_most_6_percent(
    world: str, times: Callable[[int, int], int]
) -> None:
    studies, n = times(150, 10_000), 10
    first, second = np.triu_indices(4, 1)
    wrong = 0
    for study in drawn(world, n, studies, variants=4):
        differences = study[first] - study[second]
        wrong += min(holm([difference_test(pair).p for pair in differences])) < 0.05
    print(f"{world}, four variants, {studies} studies: any better {wrong / studies:.1%}")
    assert wrong / studies <= 0.06 + (slack(studies) if studies < 10_000 else 0)


@pytest.mark.parametrize("n", [6, 8, 10, 20])
@pytest.mark.parametrize("world", WORLDS)
def test_the_same_is_said_of_variants_a_margin_apart_in_at_most_5_percent(
    world: str, n: int, times: Callable[[int, int], int]
) -> None:
    studies, margin = times(150, 5_000), 8.0
    values = drawn(world, n, studies)
    wrong = 0.0
    for a, b in values:
        for differences in (a - b + margin, b - a + margin):
            span = difference_interval(differences)
            # Only then can p be below .05, and the slow count of sign flips is needed.
            if span is not None and -margin < span.low and span.high < margin:
                wrong += same_p(differences, margin) < 0.05
    wrong /= 2 * studies
    print(f"{world}, {n} seeds, {studies} studies: the same {wrong:.1%}")
    assert wrong <= 0.05 + (slack(studies) if studies < 5_000 else 0)


def test_variants_that_are_the_same_are_found_to_be_with_seeds_enough() -> None:
    found = [
        np.mean([same_p(a - b, 2.0) < 0.05 for a, b in drawn("alike", n, 100)]) for n in (5, 8, 12)
    ]
    assert found[0] == 0
    assert found[2] > 0.8
    assert found[1] < found[2]


def test_the_price_in_studies_of_normal_variants_is_as_the_page_says(
    times: Callable[[int, int], int],
) -> None:
    studies = times(400, 4_000)
    found = {n: np.zeros(2) for n in (8, 10)}
    for n, shares in found.items():
        for differences in np.random.default_rng(n).normal(1.5, 1.0, (studies, n)):
            flips = sign_flip_test(differences).p
            both = flips < 0.05 and difference_test(differences).p < 0.05
            shares += np.array([both, flips < 0.05]) / studies
    print(f"found of 1.5 sd, with flips alone in the second place: {found}")
    for share, said in ((found[8][0], 0.74), (found[8][1], 0.94), (found[10][0], 0.90)):
        assert share == pytest.approx(said, abs=0.01 + slack(studies, said))


@settings(max_examples=60, database=None)
@given(whole)
def test_p_is_below_005_only_where_the_interval_leaves_out_0(values: list[int]) -> None:
    differences = [value / 10_000 for value in values]
    span, p = difference_interval(differences), difference_test(differences).p
    assert span is not None
    assert p >= sign_flip_test(differences).p
    if p < 0.05 - 1e-9:
        assert not span.low <= 0 <= span.high
    elif sign_flip_test(differences).p < 0.05 - 1e-9:
        assert span.low <= 1e-9
        assert span.high >= -1e-9


@settings(max_examples=60, database=None)
@given(whole)
def test_order_and_sign_change_no_bit(values: list[int]) -> None:
    differences = [value / 10_000 for value in values]
    span = difference_interval(differences)
    assert span is not None
    assert difference_interval(differences[::-1]) == span
    assert difference_interval([-value for value in differences]) == (-span.high, -span.low)
    assert difference_test([-value for value in differences]) == difference_test(differences)


@settings(max_examples=40, database=None)
@given(whole)
def test_the_interval_is_scipys_t_interval_at_99_percent(values: list[int]) -> None:
    differences = [value / 10_000 for value in values]
    sem = scipy.stats.sem(differences)
    if sem > 1e-12:  # scipy has none where nothing spreads
        theirs = scipy.stats.t.interval(0.99, len(values) - 1, np.mean(differences), sem)
        assert difference_interval(differences) == pytest.approx(theirs, abs=1e-12)


def test_equal_differences_have_at_least_the_sd_of_single_predictions() -> None:
    assert difference_interval([0.01] * 2) == (0.01, 0.01)
    span = difference_interval([0.01] * 2, least_sd=0.004)
    assert span is not None
    assert span.low < 0 < span.high
    assert difference_test([0.01] * 6).p == 2 / 64
    assert difference_test([0.01] * 6, least_sd=0.02).p > 0.05


def test_what_shows_nothing_is_no_evidence() -> None:
    assert difference_interval([0.02]) is None
    assert difference_test([0.02]) == difference_test([0.0] * 7) == (1.0, 0.0)
    assert same_p([0.02] * 9, 0.01) == 1.0
    assert same_p([0.0] * 5, 0.01) == 2 / 32
    for function in (difference_interval, difference_test):
        with pytest.raises(DataError, match="must be finite, found nan; leave out"):
            function([0.1, math.nan])
