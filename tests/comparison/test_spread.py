"""How far differences scatter: pooled over pairs, and usual in cifarkit's own study."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cifarkit.comparison.power import detectable_difference, seeds_for
from cifarkit.comparison.spread import (
    USUAL_SPREAD,
    USUAL_TEST,
    differences_of_pairs,
    pooled_spread,
)

RECORD = Path(__file__).parents[2] / "docs" / "records" / "assignment" / "comparison.json"
Accuracies = dict[str, dict[int, float]]


def study(sd: float, *, seeds: int = 8, variants: int = 4, draw: int = 0) -> Accuracies:
    """Return accuracies whose paired differences have an sd; what a seed gives to all cancels."""
    chance = np.random.default_rng(draw)
    shared = chance.normal(0.7, 0.02, seeds)
    own = chance.normal(0.0, sd / np.sqrt(2), (variants, seeds))
    return {str(name): dict(enumerate(row + shared)) for name, row in enumerate(own)}


def test_the_usual_spread_is_that_of_the_record() -> None:
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    accuracies: Accuracies = {}
    for run in record["runs"]:
        accuracies.setdefault(run["variant"], {})[run["seed"]] = run["test_accuracy"]
    spread = pooled_spread(accuracies)
    assert spread is not None
    assert round(spread.sd, 3) == USUAL_SPREAD.sd
    assert USUAL_SPREAD.low == USUAL_SPREAD.sd / 2
    assert USUAL_SPREAD.high == USUAL_SPREAD.sd * 2
    told = [*accuracies, record["data"]["name"], "8 seeds", f"{USUAL_TEST:,} test images"]
    assert record["data"]["test"] == USUAL_TEST
    assert all(word in USUAL_SPREAD.origin for word in told)
    assert {recipe["epochs"] for recipe in record["recipes"].values()} == {10}
    # Half and twice hold every pair of that study.
    sds = [values.std(ddof=1) for values in differences_of_pairs(accuracies).values()]
    assert USUAL_SPREAD.low < min(sds)
    assert max(sds) < USUAL_SPREAD.high


def test_the_pooled_variance_is_the_residual_of_a_two_way_analysis_of_variance() -> None:
    """Least squares with a factor for variants and one for seeds: half the variance, 3 x 7 free."""
    accuracies = study(0.01)
    rows = [(int(name), seed, y) for name, runs in accuracies.items() for seed, y in runs.items()]
    design = np.array([[*(np.arange(4) == a), *(np.arange(8) == b)] for a, b, _ in rows], float)
    values = np.array([y for _, _, y in rows])
    fitted, _, rank, _ = np.linalg.lstsq(design, values)
    residual = ((values - design @ fitted) ** 2).sum() / (len(values) - rank)
    assert len(values) - rank == 3 * 7
    spread = pooled_spread(accuracies)
    assert spread is not None
    assert spread.sd == pytest.approx(np.sqrt(2 * residual))
    assert spread.high / spread.sd == pytest.approx(np.sqrt(21 / 13.240), abs=1e-4)  # chi2 table


def test_its_interval_holds_the_true_sd_in_four_of_five_studies(
    times: Callable[[int, int], int],
) -> None:
    spreads = [pooled_spread(study(0.01, draw=draw)) for draw in range(times(300, 4_000))]
    held = np.mean([spread.low < 0.01 < spread.high for spread in spreads if spread is not None])
    assert abs(held - 0.8) < 4 * np.sqrt(0.8 * 0.2 / len(spreads))


def test_too_few_runs_give_no_spread() -> None:
    assert pooled_spread({}) is None
    assert pooled_spread(study(0.01, seeds=4, variants=2)) is None
    assert pooled_spread(study(0.01, seeds=5, variants=2)) is not None
    assert pooled_spread(study(0.01, seeds=20, variants=1)) is None


def test_only_common_seeds_count() -> None:
    accuracies = study(0.01)
    common = {name: {seed: runs[seed] for seed in range(7)} for name, runs in accuracies.items()}
    more = common | {"0": accuracies["0"]}
    found, again = pooled_spread(common), pooled_spread(more)
    assert found is not None
    assert again is not None
    assert found.sd == again.sd


def forecasts(pick: Callable[[Accuracies], float], studies: int) -> list[tuple[int, int]]:
    """Return the seeds that each study needs, and those forecast from 8 seeds of 4 variants."""
    alpha = 0.05 / 6
    # For a point it truly takes 8 to 12 seeds, each in a fifth of the studies.
    ends = [0.004, *(0.01 / detectable_difference(1.0, n, alpha=alpha) for n in range(8, 13))]
    share = np.linspace(0, 5, studies, endpoint=False)
    sds = np.interp(share, range(6), ends)
    return [
        (seeds_for(0.01, sd, alpha=alpha), seeds_for(0.01, pick(study(sd, draw=draw)), alpha=alpha))
        for draw, sd in enumerate(sds)
    ]


def within_two(found: list[tuple[int, int]]) -> float:
    return float(np.mean([abs(true - forecast) <= 2 for true, forecast in found]))


def test_seeds_are_forecast_within_two_in_some_nine_of_ten_studies(
    times: Callable[[int, int], int],
) -> None:
    def pooled(accuracies: Accuracies) -> float:
        spread = pooled_spread(accuracies)
        assert spread is not None
        return spread.sd

    def of_one_pair(accuracies: Accuracies) -> float:
        return float(next(iter(differences_of_pairs(accuracies).values())).std(ddof=1))

    found = forecasts(pooled, times(50, 2_000))
    assert np.array_equal(np.unique([true for true, _ in found]), range(8, 13))
    assert within_two(found) >= (0.85 if len(found) < 2_000 else 0.89)
    # The control: the sd of one pair is not enough for that.
    control = within_two(forecasts(of_one_pair, times(50, 2_000)))
    print(f"{len(found)} studies: pooled {within_two(found):.3f}, one pair {control:.3f}")
    assert control < 0.82


def test_every_pair_is_there_once() -> None:
    assert list(differences_of_pairs(study(0.01))) == list(itertools.combinations("0123", 2))
