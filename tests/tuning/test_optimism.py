"""How honest the numbers of a search are, by formula and in simulated searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from cifarkit.comparison.pairs import compare_pairs
from cifarkit.comparison.verdicts import verdict
from cifarkit.tuning.optimism import expected_maximum, overstatement
from cifarkit.tuning.results import improves

ACCURACY, TRIALS, SEEDS = 0.7, 20, 8
VAL, TEST = 1270, 2000  # pictures
TRAINING = 0.005  # the sd of the accuracy over seeds, on infinitely many pictures
Probabilities = np.ndarray[Any, np.dtype[np.float64]]


@pytest.mark.parametrize(
    ("count", "mean"),  # Harter 1961, Biometrika 48, table 1
    [(1, 0.0), (2, 0.56419), (5, 1.16296), (10, 1.53875), (20, 1.86748), (100, 2.50759)],
)
def test_the_mean_of_the_largest_is_that_of_published_tables(count: int, mean: float) -> None:
    assert expected_maximum(count) == pytest.approx(mean, abs=1e-5)


def test_the_best_of_twenty_equal_settings_overstates_by_2_4_points() -> None:
    assert 100 * overstatement(20, 0.7, 1270) == pytest.approx(2.4, abs=0.01)
    right = np.random.default_rng(0).binomial(1270, 0.7, (20_000, 20))
    simulated = 100 * (right.max(axis=1).mean() / 1270 - 0.7)
    assert simulated == pytest.approx(2.4, abs=0.02)


class Study(NamedTuple):
    """What one simulated search says, less the truth, in points; and whether tuning helped."""

    naive: float
    val: float
    test: float
    helped: bool


def easiness(rng: np.random.Generator, skill: float, own: float, images: int) -> Probabilities:
    """Return how often the networks of a setting are right on each picture.

    Args:
        rng: where numbers come from.
        skill: the setting's accuracy on infinitely many pictures.
        own: the share of the binomial variance that all networks of the setting have in common.
        images: how many pictures.
    """
    if not own:
        return np.full(images, skill)
    certainty = 1 / own - 1
    return rng.beta(skill * certainty, (1 - skill) * certainty, images)


def answers(rng: np.random.Generator, easy: Probabilities, luck: float) -> Any:
    """Return which pictures a network gets right whose training was `luck` better than the mean."""
    shifted = easy + luck * ((1 - easy) / (1 - ACCURACY) if luck > 0 else easy / ACCURACY)
    return rng.random(len(easy)) < shifted


def study(rng: np.random.Generator, *, own: float, spread: float = 0.0, gain: float = 0.0) -> Study:
    """Simulate one search: trials on val, then the winner and the default on test.

    Args:
        rng: where numbers come from.
        own: see `easiness`.
        spread: the sd of the settings' accuracies.
        gain: how much better the settings are on average than the default.
    """
    skills = np.clip(ACCURACY + gain + rng.normal(0, spread, TRIALS), 0.01, 0.99)
    easy = [easiness(rng, skill, own, VAL) for skill in skills]

    def run(easy: Probabilities) -> Any:
        return answers(rng, easy, rng.normal(0, TRAINING))

    measured = [run(each).mean() for each in easy]
    won = int(np.argmax(measured))
    truth = skills[won]
    fresh_val = np.mean([run(easy[won]) for _ in range(SEEDS)])
    tests = {
        "tuned": easiness(rng, truth, own, TEST),
        "default": easiness(rng, ACCURACY, own, TEST),
    }
    correct = {name: {seed: run(tests[name]) for seed in range(SEEDS)} for name in tests}
    accuracies = {
        name: {seed: float(right.mean()) for seed, right in runs.items()}
        for name, runs in correct.items()
    }
    (pair,) = compare_pairs(accuracies, correct, lambda a, b: {"optimizer": (b, a)})
    test = np.mean(list(accuracies["tuned"].values()))
    bias = (100 * float(number - truth) for number in (measured[won], fresh_val, test))
    return Study(*bias, helped=improves(pair, verdict(pair, pairs=1)))


def studies(count: int, **settings: float) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    every = [study(rng, **settings) for _ in range(count)]
    return {name: np.mean([getattr(one, name) for one in every]) for name in Study._fields}


@pytest.mark.parametrize(
    "settings",
    [
        {"own": 0.0},  # the same on all pictures: what is left is chance in training
        {"own": 0.5},  # each setting has pictures that are easy for it
        {"own": 0.5, "spread": 0.01},  # and some settings are better than others
    ],
    ids=str,
)
def test_only_fresh_seeds_on_test_are_without_bias(
    settings: dict[str, float], times: Callable[[int, int], int]
) -> None:
    mean = studies(times(200, 4000), **settings)
    assert mean["naive"] > 1.0  # the negative control
    assert abs(mean["test"]) <= 0.2
    # Fresh seeds on val correct the luck of one training, and not that with the pictures.
    assert abs(mean["val"]) <= 0.2 if not settings["own"] else mean["val"] > 0.5


@pytest.mark.parametrize("own", [0.0, 0.5])
def test_tuning_that_does_not_help_is_rarely_said_to_help(
    own: float, times: Callable[[int, int], int]
) -> None:
    assert studies(times(300, 4000), own=own)["helped"] <= 0.05


def test_tuning_that_helps_is_said_to_help(times: Callable[[int, int], int]) -> None:
    assert studies(times(50, 1000), own=0.5, gain=0.05)["helped"] > 0.8


def test_the_verdict_alone_would_be_wrong_too_often_about_other_pictures() -> None:
    """The negative control of `improves`: seeds agree on these pictures, by their easiness."""
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(200):
        tests = {name: easiness(rng, ACCURACY, 0.5, TEST) for name in ("tuned", "default")}
        correct = {n: {s: answers(rng, tests[n], 0) for s in range(SEEDS)} for n in tests}
        scores = {n: {s: float(r.mean()) for s, r in runs.items()} for n, runs in correct.items()}
        (pair,) = compare_pairs(scores, correct, lambda a, b: {})
        wrong += pair.difference > 0 and verdict(pair, pairs=1).kind == "better"
    assert wrong / 200 > 0.05
