"""A test that is looked at after every seed: what it promises, measured."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from cifarkit.comparison import sequential
from cifarkit.comparison.sequential import (
    MOST_SEEDS,
    first_look,
    sequential_interval,
    sequential_test,
)
from cifarkit.comparison.statistics import sign_flip_test
from cifarkit.errors import DataError

Law = Callable[[np.random.Generator, int], Any]  # accuracies of two variants, `2 seeds`
Studies = Callable[[int, int], int]

accuracies = st.lists(st.integers(0, 200), min_size=4, max_size=8)


def lognormal(chance: np.random.Generator, *size: int) -> Any:
    """Return skewed numbers with mean 0 and sd 1."""
    return (chance.lognormal(size=size) - math.exp(0.5)) / math.sqrt(math.e**2 - math.e)


def failing(chance: np.random.Generator, n: int) -> Any:
    return chance.standard_normal((2, n)) - 30 * (chance.random((2, n)) < 0.1)


def on_200_images(chance: np.random.Generator, n: int) -> Any:
    return chance.binomial(200, 0.7 + 0.01 * chance.standard_normal((2, n)).clip(-5, 5)) / 200


def alike(chance: np.random.Generator, n: int) -> Any:
    """Return runs whose correlation within a seed is a half."""
    return (chance.standard_normal((2, n)) + chance.standard_normal(n)) / math.sqrt(2)


EQUAL: dict[str, Law] = {
    "normal": lambda chance, n: chance.standard_normal((2, n)),
    "skewed": lambda chance, n: lognormal(chance, 2, n),
    "heavy tails": lambda chance, n: chance.standard_t(3, (2, n)),
    "ties": on_200_images,
    "one run in ten fails": failing,
    "seeds alike": alike,
}


def studied(law: Law, studies: int, *, ahead: float = 0.0, seeds: int = MOST_SEEDS) -> Any:
    """Return for each study whether it decided, and with how many seeds; looks are at every one."""
    chance = np.random.default_rng(0)
    found = []
    for _ in range(studies):
        a, b = law(chance, seeds)
        test = sequential_test(a + ahead, b)
        found.append((test.is_decided, test.n))
    return np.array(found).T


def all_arrangements(values: Any) -> float:
    """Return p of a first look by walking through every arrangement, with the usual formula.

    It is the t statistic of two samples, with half of the covariance taken off the variance.
    """
    half = len(values) // 2
    orders = np.array(list(itertools.permutations(range(len(values)))))
    a, b = values[orders[:, :half]], values[orders[:, half:]]
    deviations = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    covariance = (deviations[0] * deviations[1]).sum(axis=1)
    variance = (deviations[0] ** 2 + deviations[1] ** 2).sum(axis=1) - covariance
    t = np.abs(a.mean(axis=1) - b.mean(axis=1)) / np.sqrt(variance)
    return float(np.mean(t >= t[0] - 1e-9))


@pytest.mark.parametrize("law", EQUAL)
def test_equal_variants_are_told_apart_in_at_most_a_twentieth_of_studies(
    law: str, times: Studies
) -> None:
    studies = times(60, 10_000)
    decided, _ = studied(EQUAL[law], studies)
    print(f"{law}: {studies} studies, {100 * decided.mean():.2f} % decided")
    assert decided.mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / studies) * (studies < 10_000)


def test_looks_at_a_test_that_does_not_allow_for_them_are_wrong_far_oftener(times: Studies) -> None:
    """The control: Student's t after every seed."""
    studies, chance = times(1_000, 10_000), np.random.default_rng(0)
    a, b = chance.standard_normal((2, studies, MOST_SEEDS))
    decided = np.zeros(studies, bool)
    for n in range(4, MOST_SEEDS + 1):
        decided |= scipy.stats.ttest_ind(a[:, :n], b[:, :n], axis=1).pvalue < 0.05
    assert decided.mean() > 0.12


def test_a_clear_difference_takes_a_third_fewer_trainings_than_eight_seeds(times: Studies) -> None:
    """The difference is two sd of the paired differences."""
    studies = times(60, 10_000)
    decided, seeds = studied(EQUAL["normal"], studies, ahead=2 * math.sqrt(2))
    print(f"{studies} studies, {100 * decided.mean():.1f} % decided, {seeds.mean():.2f} seeds")
    assert seeds.mean() <= 0.65 * 8
    assert decided.mean() > 0.95


@pytest.mark.parametrize("ahead", [0.0, 0.01, 0.02, 0.04])
def test_the_first_look_is_the_walk_through_all_arrangements(ahead: float) -> None:
    a, b = np.random.default_rng(0).normal([[0.7 + ahead], [0.7]], 0.01, (2, 4))
    found, p = sequential_test(a, b), all_arrangements(np.concatenate([a, b]))
    kept = 0.0 if found.is_decided else 0.02  # the first look spends .03 of .05
    assert abs(found.p - kept - p) < 4 * found.p_error
    assert found.is_decided == (ahead >= 0.02)


@settings(max_examples=6, deadline=None, database=None)
@given(accuracies, accuracies)
def test_the_names_of_the_two_decide_nothing(a: list[int], b: list[int]) -> None:
    n = min(len(a), len(b))
    first, second = np.array(a[:n]) / 200, np.array(b[:n]) / 200
    found, mirrored = sequential_test(first, second), sequential_test(second, first)
    assert mirrored[:4] == found[:4]


@settings(max_examples=6, deadline=None, database=None)
@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.05 / 3]))
def test_a_decision_stays_whatever_comes_later(seed: int, alpha: float) -> None:
    a, b = np.random.default_rng(seed).normal([[0.72], [0.7]], 0.01, (2, 10))
    whole = sequential_test(a, b, alpha=alpha)
    for n in range(1, 11):
        look = sequential_test(a[:n], b[:n], alpha=alpha)
        assert look == (whole if whole.is_decided and n >= whole.n else look)
        assert look.is_decided == (whole.is_decided and n >= whole.n)
        assert (look.p < alpha) == look.is_decided


def test_no_sign_flip_test_could_decide_as_early() -> None:
    apart = np.array([0.74, 0.75, 0.74, 0.76]), np.array([0.70, 0.71, 0.71, 0.70])
    assert sequential_test(*apart).is_decided
    assert sign_flip_test(apart[0] - apart[1]).p > 0.05


@pytest.mark.parametrize("pairs", [1, 3, 6, 10, 28])
def test_the_first_look_can_decide_and_none_before_could(pairs: int) -> None:
    alpha = 0.05 / pairs
    n = first_look(alpha)
    high = 0.8 + np.arange(n) / 1_000
    assert sequential_test(high, high - 0.3, alpha=alpha).is_decided
    assert sequential_test(high, high[::-1] - 0.3, alpha=alpha).is_decided
    few = sequential_test(high[:-1], high[:-1] - 0.3, alpha=alpha)
    assert few == (n - 1, 1.0, 0.0, False, True)


@pytest.mark.parametrize("n", [4, 7, 12])
def test_variants_with_the_same_accuracies_are_not_told_apart(n: int) -> None:
    assert sequential_test([0.7] * n, [0.7] * n).p == 1.0
    assert not sequential_test([0.6, 0.8] * n, [0.8, 0.6] * n).is_decided


def test_the_interval_holds_the_truth_when_a_study_stops_and_students_does_not_always(
    times: Studies,
) -> None:
    studies, chance, truth = times(12, 2_000), np.random.default_rng(1), 1.5
    held = []
    for _ in range(studies):
        a, b = chance.standard_normal((2, 8))
        n = sequential_test(a + truth, b).n
        spans = (
            sequential_interval(a[:n] + truth, b[:n]),
            scipy.stats.ttest_rel(a[:n] + truth, b[:n]).confidence_interval(),
        )
        held.append([low <= truth <= high for low, high in spans])  # type: ignore[misc]
    ours, students = np.mean(held, axis=0)
    print(f"{studies} studies: {100 * ours:.1f} % and Student's {100 * students:.1f} %")
    assert ours >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / studies)
    assert students <= ours


def test_the_interval_turns_with_the_names_and_leaves_out_0_when_decided() -> None:
    a, b = np.array([0.74, 0.75, 0.74, 0.76, 0.75]), np.array([0.71, 0.72, 0.70, 0.72, 0.70])
    span = sequential_interval(a, b)
    assert span is not None
    assert 0 < span.low < (a - b).mean() < span.high
    assert sequential_interval(b, a) == pytest.approx((-span.high, -span.low), abs=1e-6)


def test_of_fewer_seeds_than_a_look_takes_there_is_no_interval() -> None:
    assert sequential_interval([0.7] * 3, [0.6] * 3) is None


def test_a_variant_that_alone_is_skewed_is_called_different_too_often(times: Studies) -> None:
    """The page on significance says so."""
    decided, _ = studied(
        lambda chance, n: (3 * lognormal(chance, n), chance.standard_normal(n)),
        times(150, 10_000),
    )
    print(f"{100 * decided.mean():.1f} % decided")
    assert 0.05 < decided.mean() < 0.2


def test_more_arrangements_change_p_by_its_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = np.random.default_rng(3).normal([[0.705], [0.7]], 0.01, (2, 9))
    found = sequential_test(a, b)
    sequential._orders.cache_clear()
    monkeypatch.setattr(sequential, "ARRANGEMENTS", 200_000)
    more = sequential_test(a, b)
    sequential._orders.cache_clear()
    assert more.p != found.p
    assert abs(more.p - found.p) < 4 * found.p_error


@pytest.mark.parametrize(
    ("a", "b"), [([0.7], [0.7, 0.8]), ([math.nan] * 5, [0.7] * 5), ([0.7] * 5, [math.inf] * 5)]
)
def test_what_are_not_paired_accuracies_is_refused(a: list[float], b: list[float]) -> None:
    for function in (sequential_test, sequential_interval):
        with pytest.raises(DataError, match="finite accuracies of two variants for the same seeds"):
            function(a, b)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0, math.nan])
def test_an_error_that_is_no_probability_is_refused(alpha: float) -> None:
    with pytest.raises(DataError, match=r"alpha must lie in \(0, 1\), found"):
        first_look(alpha)
