from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from cifarkit.comparison.differences import difference_interval
from cifarkit.comparison.statistics import t_interval
from cifarkit.comparison.two_levels import least_sd, two_level_interval
from cifarkit.errors import DataError
from cifarkit.evaluation.intervals import ConfidenceInterval

# How much seeds, and what a variant finds hard, spread on the scale of an answer's own chance.
WORLDS = {"seeds count for little": (0.02, 0.5), "for some": (0.1, 0.5), "for most": (0.3, 0.0)}
shapes = st.tuples(st.integers(1, 6), st.integers(2, 30), st.integers(0, 2**32))


def answers(shape: tuple[int, int, int]) -> Any:
    seeds, images, draw = shape
    return np.random.default_rng(draw).random((2, seeds, images)) < [[[0.7]], [[0.6]]]


def study(rng: np.random.Generator, n: int, images: int, seeds: float, taste: float) -> Any:
    """Return bool `2 n images`: images differ in difficulty, variants and seeds in skill."""
    skill = seeds * (rng.exponential(size=(2, n, 1)) - 1)  # skewed: a seed can be lucky
    skill[0] += 0.2
    hardness = 2 * rng.normal(size=images) + taste * rng.normal(size=(2, 1, images))
    return 1 + skill + hardness + rng.normal(size=(2, n, images)) > 0


def truth(seeds: float, taste: float) -> float:
    """Return the true difference: over all seeds and images that could be."""
    skill = seeds * (scipy.stats.expon.ppf((np.arange(20_000) + 0.5) / 20_000) - 1)
    spread = math.sqrt(1 + 4 + taste**2)
    a, b = (scipy.stats.norm.cdf((1 + more + skill) / spread).mean() for more in (0.2, 0.0))
    return float(a - b)


def covers(span: ConfidenceInterval | None, value: float) -> bool:
    return span is not None and span.low <= value <= span.high


@pytest.mark.parametrize("n", [3, 6, 10])
@pytest.mark.parametrize("world", WORLDS)
def test_the_interval_covers_the_truth(
    world: str, n: int, times: Callable[[int, int], int]
) -> None:
    studies, rng = times(200, 2_000), np.random.default_rng(n)
    true = truth(*WORLDS[world])
    drawn = [study(rng, n, 400, *WORLDS[world]) for _ in range(studies)]
    covered = np.mean([covers(two_level_interval(a, b), true) for a, b in drawn])
    print(f"seed {n}: {world}, {n} seeds, {studies} studies, {100 * covered:.1f} % covered")
    slack = 3 * math.sqrt(0.95 * 0.05 / studies) if studies < 2_000 else 0.02
    assert covered >= 0.95 - slack


def test_intervals_that_know_of_one_level_alone_cover_too_little() -> None:
    rng = np.random.default_rng(0)
    seeds_alone, images_alone, both = [], [], []
    for _ in range(200):
        a, b = study(rng, 10, 400, 0.02, 0.5)
        seeds_alone.append(covers(t_interval((a.mean(1) - b.mean(1)).tolist()), truth(0.02, 0.5)))
        a, b = study(rng, 3, 400, 0.3, 0.0)
        difference = (a.astype(int) - b).ravel()  # as if 3 x 400 images had been answered once
        images_alone.append(covers(t_interval(difference.tolist()), truth(0.3, 0.0)))
        both.append(covers(two_level_interval(a, b), truth(0.3, 0.0)))
    assert np.mean(seeds_alone) < 0.9
    assert np.mean(images_alone) < 0.9
    assert np.mean(both) > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_drawing_the_bootstrap_gives_the_variances_that_are_calculated(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gained = np.subtract(*study(rng, 6, 300, 0.3, 0.5).astype(int))
    n, m = gained.shape
    over_seeds = rng.multinomial(n, [1 / n] * n, size=20_000) / n
    over_images = rng.multinomial(m, [1 / m] * m, size=20_000) / m
    images = (over_images @ gained.mean(0)).var() * m / (m - 1)
    both = ((over_seeds @ gained) * over_images).sum(1).var()
    single = both - (over_seeds @ gained.mean(1)).var() - (over_images @ gained.mean(0)).var()
    single *= n / (n - 1) * m / (m - 1)
    answers = (gained == 1, gained == -1)
    seeds = difference_interval(gained.mean(1), least_sd=least_sd(*answers))
    span, mean = two_level_interval(*answers), gained.mean()
    assert seeds is not None
    reach = scipy.stats.t.ppf(0.975, m - 1) * math.sqrt(images - single)
    assert span.high - mean == pytest.approx(math.hypot(seeds.high - mean, reach), rel=0.03)
    assert mean - span.low == pytest.approx(math.hypot(mean - seeds.low, reach), rel=0.03)
    assert least_sd(*answers) == pytest.approx(math.sqrt(n * single), rel=0.2)


@settings(max_examples=80, database=None)
@given(shapes)
def test_the_other_named_first_mirrors_the_interval_bit_by_bit(shape: Any) -> None:
    a, b = answers(shape)
    low, high = two_level_interval(a, b)
    assert two_level_interval(b, a) == (-high, -low)
    assert low <= a.mean() - b.mean() + 1e-12
    assert high >= a.mean() - b.mean() - 1e-12


@settings(max_examples=60, database=None)
@given(shapes)
def test_the_order_of_seeds_and_of_images_is_nothing_to_it(shape: Any) -> None:
    a, b = answers(shape)
    turned = two_level_interval(a[::-1, ::-1], b[::-1, ::-1])
    assert turned == two_level_interval(a, b)


def test_with_one_seed_it_is_the_interval_over_images() -> None:
    a, b = answers((1, 30, 0))
    assert two_level_interval(a, b) == pytest.approx(t_interval((a.astype(int) - b)[0].tolist()))


def test_equal_answers_leave_no_room() -> None:
    a, _ = answers((4, 20, 0))
    assert two_level_interval(a, a) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        (np.ones((2, 5), bool), np.ones((3, 5), bool), r"bool \(2, 5\) and bool \(3, 5\)"),
        (np.ones((2, 5), int), np.ones((2, 5), bool), r"int64 \(2, 5\)"),
        (np.ones(5, bool), np.ones(5, bool), r"bool \(5,\)"),
        (np.ones((0, 5), bool), np.ones((0, 5), bool), "0 seeds of 5 images"),
        (np.ones((2, 1), bool), np.ones((2, 1), bool), "2 seeds of 1 images"),
    ],
)
def test_what_are_not_answers_of_both_is_refused(a: Any, b: Any, found: str) -> None:
    with pytest.raises(DataError, match=f"found {found}"):
        two_level_interval(a, b)
