"""Runs that failed, against planted failures and plain chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cifarkit.comparison.collapse import collapsed_runs

IMAGES = 10_000


@pytest.mark.parametrize("n", [5, 6, 10, 20])
@pytest.mark.parametrize("spread", [0.002, 0.01, 0.05])
def test_chance_alone_is_seldom_taken_for_a_failure(
    n: int, spread: float, times: Callable[[int, int], int]
) -> None:
    studies = times(2_000, 20_000)
    values = 0.7 + spread * np.random.default_rng(n).standard_normal((studies, n))
    rate = np.mean([collapsed_runs(list(study), IMAGES) > 0 for study in values])
    print(f"{n} seeds, sd {spread}: {100 * rate:.2f} % of {studies}")
    assert rate < 0.02


@pytest.mark.parametrize(("n", "failed"), [(5, 1), (6, 2), (9, 3), (10, 1), (20, 6)])
def test_planted_failures_are_counted(n: int, failed: int) -> None:
    chance = np.random.default_rng(0)
    for _ in range(100):
        values = 0.72 + 0.005 * chance.standard_normal(n)
        values[:failed] = 0.1 + 0.05 * chance.random(failed)
        assert collapsed_runs(list(chance.permutation(values)), IMAGES) == failed


def test_few_runs_and_small_gaps_are_no_failures() -> None:
    assert collapsed_runs([0.7, 0.7, 0.7, 0.1], IMAGES) == 0  # too few to say
    assert collapsed_runs([0.7, 0.7, 0.7, 0.7, 0.695], IMAGES) == 0  # half a point
    assert (
        collapsed_runs([0.1, 0.1, 0.1, 0.7, 0.7, 0.7], IMAGES) == 0
    )  # half of them are no exception


@pytest.mark.parametrize(("images", "accuracy"), [(100, 0.1), (100, 0.97), (200, 0.7)])
def test_ties_on_few_images_make_no_other_run_a_failure(images: int, accuracy: float) -> None:
    right = np.random.default_rng(0).binomial(images, accuracy, (3_000, 6)) / images
    assert np.mean([collapsed_runs(list(study), images) > 0 for study in right]) < 0.01
    assert collapsed_runs([0.06, 0.09, 0.1, 0.1, 0.1, 0.1], images=100) == 0
    assert collapsed_runs([0.06, 0.09, 0.1, 0.1, 0.1, 0.1], images=100_000) == 2  # the control
