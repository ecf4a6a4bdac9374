from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from cifarkit.comparison import power
from cifarkit.comparison.differences import difference_test
from cifarkit.comparison.power import (
    detectable_difference,
    power_of,
    seeds_for,
    seeds_needed,
    smallest_p,
)
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


@pytest.mark.parametrize(("n", "alpha"), [(6, 0.05), (8, 0.05 / 6), (11, 0.05 / 6), (14, 0.05)])
def test_the_detectable_difference_is_found_four_times_in_five(
    n: int, alpha: float, times: Callable[[int, int], int]
) -> None:
    """The test itself, on other studies than those that the power was simulated with."""
    studies = times(200, 4_000)
    shift = detectable_difference(0.01, n, alpha=alpha)
    values = np.random.default_rng([n, studies]).normal(shift, 0.01, (studies, n))
    found = np.mean([difference_test(study).p < alpha for study in values])
    half = np.mean([difference_test(study).p < alpha for study in values - shift / 2])
    print(f"{n} seeds, alpha {alpha:.4f}, {studies} studies: power {found:.3f}, half {half:.3f}")
    slack = 4 * np.sqrt(0.8 * 0.2 / studies)
    assert abs(found - 0.8) < slack + 0.01
    assert half < 0.8 - slack  # the control: half of it is found more seldom
    assert power_of(shift, 0.01, n, alpha=alpha) == pytest.approx(0.8, abs=1e-3)
    assert power_of(shift / 2, 0.01, n, alpha=alpha) == pytest.approx(half, abs=slack + 0.01)


def test_above_the_most_that_are_simulated_it_is_the_power_of_students_t() -> None:
    """By scipy, at the level of the interval; with few seeds the sign flips take more."""

    def of_t(n: int) -> float:
        limit = scipy.stats.t.ppf(0.995, n - 1)
        return float(
            scipy.optimize.brentq(
                lambda shift: scipy.stats.nct.sf(limit, n - 1, shift * np.sqrt(n)) - 0.8, 0.1, 9
            )
        )

    for n in (14, 20, 50):
        assert detectable_difference(1.0, n) == pytest.approx(of_t(n), rel=1e-6)
    for n in (10, 13):
        assert detectable_difference(1.0, n) == pytest.approx(of_t(n), rel=0.02)


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 6])
def test_with_many_seeds_the_sign_flips_change_nothing(
    alpha: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = detectable_difference(1.0, 14, alpha=alpha)
    monkeypatch.setattr(power, "MOST_SIMULATED", 14)
    power._thresholds.cache_clear()
    assert detectable_difference(1.0, 14, alpha=alpha) == pytest.approx(without, rel=0.02)
    power._thresholds.cache_clear()


def test_no_test_finds_more_than_seeds_that_all_agree() -> None:
    """With 8 seeds and 6 pairs: the chance that 8 differences have one sign is known."""
    shift = detectable_difference(1.0, 8, alpha=0.05 / 6)
    assert scipy.stats.norm.cdf(shift) ** 8 > 0.8
    assert scipy.stats.norm.cdf(shift / 3) ** 8 < 0.8


def test_without_a_difference_the_power_is_at_most_the_level() -> None:
    for n in (6, 8, 12, 30, 300):
        assert power_of(0.0, 0.01, n) == pytest.approx(0.01, abs=0.004)


@pytest.mark.parametrize("pairs", [1, 6, 28])
@pytest.mark.parametrize("ratio", [0.2, 0.7, 1.5, 4.0])
def test_the_seeds_for_a_difference_are_the_fewest_that_find_it(pairs: int, ratio: float) -> None:
    alpha = 0.05 / pairs
    n = seeds_for(0.01, 0.01 * ratio, alpha=alpha)
    assert power_of(0.01, 0.01 * ratio, n, alpha=alpha) >= 0.8 - 1e-6
    assert n == seeds_needed(pairs) or power_of(0.01, 0.01 * ratio, n - 1, alpha=alpha) < 0.8


@settings(max_examples=40, database=None)
@given(st.floats(1e-5, 0.1), st.integers(7, 40), st.sampled_from([0.05, 0.05 / 3]))
def test_what_is_detectable_falls_with_seeds_and_grows_with_noise_and_doubt(
    sd: float, n: int, alpha: float
) -> None:
    here = detectable_difference(sd, n, alpha=alpha)
    assert detectable_difference(sd, n + 1, alpha=alpha) < here
    assert detectable_difference(sd, n + 1, alpha=alpha / 2) > detectable_difference(
        sd, n + 1, alpha=alpha
    )
    assert detectable_difference(2 * sd, n, alpha=alpha) == pytest.approx(2 * here)


def test_without_noise_everything_is_detectable() -> None:
    assert detectable_difference(0.0, 6) == 0.0
    assert (power_of(0.01, 0.0, 6), power_of(0.01, 0.0, 5)) == (1.0, 0.0)


@pytest.mark.parametrize(
    "bad", [{"sd": -1.0}, {"sd": float("nan")}, {"n": 5}, {"alpha": 0.0}, {"power": 0.04}]
)
def test_impossible_studies_are_refused(bad: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"sd": 0.01, "n": 6} | bad
    with pytest.raises(DataError, match=r"sd must be 0 or more|with n=5 seeds no p is below"):
        detectable_difference(**settings)


def test_no_number_of_seeds_finds_no_difference() -> None:
    with pytest.raises(DataError, match="difference must be above 0"):
        seeds_for(0.0, 0.01)
