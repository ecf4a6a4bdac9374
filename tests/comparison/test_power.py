from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from cifarkit.comparison.power import detectable_difference, seeds_needed, smallest_p
from cifarkit.comparison.statistics import holm, sign_flip_test
from cifarkit.errors import DataError


@pytest.mark.parametrize("n", range(1, 13))
def test_the_smallest_p_is_what_seeds_that_all_agree_give(n: int) -> None:
    assert sign_flip_test([0.01 + seed / 1000 for seed in range(n)]).p == smallest_p(n)


@pytest.mark.parametrize("pairs", [1, 2, 3, 6, 10, 28])
def test_one_seed_fewer_than_needed_survives_holm_nowhere(pairs: int) -> None:
    needed = seeds_needed(pairs)
    rest = [1.0] * (pairs - 1)
    assert holm([smallest_p(needed), *rest])[0] < 0.05
    assert holm([smallest_p(needed - 1), *rest])[0] >= 0.05


def test_five_seeds_cannot_tell_and_six_can() -> None:
    assert smallest_p(5) == 0.0625
    assert [seeds_needed(pairs) for pairs in (1, 3, 6)] == [6, 7, 8]


@pytest.mark.parametrize(("pairs", "alpha"), [(0, 0.05), (1, 0.0), (1, 1.0)])
def test_no_pairs_and_impossible_levels_are_refused(pairs: int, alpha: float) -> None:
    with pytest.raises(DataError, match=r"pairs must be 1 or more and alpha lie in \(0, 1\)"):
        seeds_needed(pairs, alpha)


@pytest.mark.parametrize(("n", "alpha"), [(3, 0.05), (6, 0.05), (10, 0.05), (10, 0.05 / 6)])
def test_a_paired_t_test_finds_the_detectable_difference_four_times_in_five(
    n: int, alpha: float, times: Callable[[int, int], int]
) -> None:
    studies = times(4_000, 100_000)
    shift = detectable_difference(0.004, n, alpha=alpha)
    values = np.random.default_rng(n).normal(shift, 0.004, (studies, n))
    found = np.mean(scipy.stats.ttest_1samp(values, 0.0, axis=1).pvalue < alpha)
    print(f"seed {n}: {n} seeds, alpha {alpha:.4f}, {studies} studies: power {found:.3f}")
    slack = 4 * np.sqrt(0.8 * 0.2 / studies)
    assert abs(found - 0.8) < slack
    half = np.mean(scipy.stats.ttest_1samp(values - shift / 2, 0.0, axis=1).pvalue < alpha)
    assert half < 0.8 - slack  # the control: half of it is found more seldom


@pytest.mark.parametrize(("n", "power"), [(6, 0.63), (8, 0.79)])
def test_the_sign_flip_test_finds_it_more_seldom_with_the_fewest_seeds(
    n: int, power: float, times: Callable[[int, int], int]
) -> None:
    studies = times(300, 4_000)
    values = np.random.default_rng(n).normal(detectable_difference(0.01, n), 0.01, (studies, n))
    found = np.mean([sign_flip_test(study).p < 0.05 for study in values])
    print(f"seed {n}: {n} seeds, {studies} studies: sign-flip power {found:.3f}")
    assert abs(found - power) < 4 * np.sqrt(power * (1 - power) / studies)


@settings(max_examples=40, database=None)
@given(st.floats(1e-5, 0.1), st.integers(2, 40), st.floats(0.001, 0.2))
def test_what_is_detectable_falls_with_seeds_and_grows_with_noise_and_doubt(
    sd: float, n: int, alpha: float
) -> None:
    here = detectable_difference(sd, n, alpha=alpha)
    assert detectable_difference(sd, n + 1, alpha=alpha) < here
    assert detectable_difference(sd, n, alpha=alpha / 2) > here
    assert detectable_difference(2 * sd, n, alpha=alpha) == pytest.approx(2 * here)


def test_without_noise_everything_is_detectable() -> None:
    assert detectable_difference(0.0, 5) == 0.0


@pytest.mark.parametrize(
    "bad", [{"sd": -1.0}, {"sd": float("nan")}, {"n": 1}, {"alpha": 0.0}, {"power": 0.04}]
)
def test_impossible_studies_are_refused(bad: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"sd": 0.01, "n": 5} | bad
    with pytest.raises(DataError, match="sd must be 0 or more, n 2 or more"):
        detectable_difference(**settings)
