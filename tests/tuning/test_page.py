"""What the page of a search says, and what it does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.tuning.space import varied

RATES = [0.0001, 0.003, 0.1]
SPACE = {"optimizer.lr": ck.LogRange(1e-4, 1e-1)}
GOOD = [0.71, 0.72, 0.70, 0.71, 0.73, 0.72, 0.71, 0.70]
EQUAL = [0.66, 0.65, 0.67, 0.66, 0.65, 0.67, 0.66, 0.66]


@pytest.fixture
def found(make_comparison: Callable[..., ck.Comparison]) -> Callable[..., ck.Search]:
    """Make a search without training: three rates, then these accuracies on fresh seeds."""

    def make(tuned: Any, default: Any = EQUAL, **more: Any) -> ck.Search:
        baseline = ck.get_variant("baseline")
        trials = [
            ck.Trial(
                number,
                {"optimizer.lr": rate},
                varied(baseline, {"optimizer.lr": rate}, f"baseline-trial{number}"),
                Path("runs") / f"baseline-trial{number}-seed0",
                val_accuracy=accuracy,
                val_evaluations=10,
                seconds=60.0,
                error="" if accuracy else "NonFiniteLossError: nan",
            )
            for number, (rate, accuracy) in enumerate(zip(RATES, [0.5, 0.74, None], strict=True))
        ]
        best = varied(baseline, {"optimizer.lr": 0.003}, "baseline-tuned")
        comparison = make_comparison({"baseline": default, "baseline-tuned": tuned})
        comparison = dataclasses.replace(comparison, variants=(baseline, best))
        settings = {"sampler": "random", "seed": 0, "outcomes": tuple(trials)}
        return ck.Search(
            variant=baseline, best=best, space=SPACE, comparison=comparison, **settings | more
        )

    return make


def test_a_gain_is_told_first_with_its_numbers(found: Any) -> None:
    search = found(GOOD)
    page = " ".join(str(search).split())
    assert search.helped
    assert "Tuning helped. baseline-tuned is better than baseline: +5.2 points" in page
    assert "Changed: optimizer.lr 0.001 -> 0.003." in page
    assert "Report 71.2 %, the mean on test over 8 seeds that the search has not seen." in page
    assert "Do not report 74.0 %, which trial 1 has on val" in page
    assert "Val was evaluated 30 times, once an epoch, and 2 of these accuracies" in page
    assert "Test: no trial looked at it." in page
    assert "Training took 5 min: 3 min for the trials and 2 min for 16 runs" in page
    assert "Trial 2 failed and counts as the worst: NonFiniteLossError: nan" in page


def test_no_gain_is_told_as_none(found: Any) -> None:
    search = found(EQUAL[::-1])
    assert not search.helped
    assert "Tuning is not shown to help. " in str(search)
    assert "Tuning helped" not in str(search)


def test_a_loss_is_told_as_harm(found: Any) -> None:
    search = found(EQUAL, GOOD)
    assert search.verdict.kind == "better"
    assert not search.helped
    assert "Tuning did harm. baseline is better than baseline-tuned" in " ".join(
        str(search).split()
    )


def test_a_gain_that_other_images_could_reverse_is_not_told_as_one(found: Any) -> None:
    search = found([accuracy + 0.002 for accuracy in EQUAL])
    pair = search.pair
    wide = dataclasses.replace(pair, two_level=ck.ConfidenceInterval(-0.01, 0.02))
    assert search.verdict.kind == "better"
    vars(search.comparison)["pairs"] = (wide,)
    assert not search.helped
    assert "Tuning is not shown to help" in str(search)


def test_without_a_run_there_is_no_number(found: Any) -> None:
    search = found([])
    assert search.accuracy != search.accuracy  # NaN
    assert "There is no number to report" in str(search)


def test_the_table_has_all_trials(found: Any) -> None:
    table = found(GOOD).trials
    assert list(table.columns) == [
        *("optimizer.lr", "val_accuracy", "val_evaluations", "test", "seconds", "error", "folder")
    ]
    assert table["optimizer.lr"].tolist() == RATES
    assert table["val_accuracy"].idxmax() == 1
    assert table["val_accuracy"].isna().tolist() == [False, False, True]


def test_the_page_shows_the_ten_best_of_many(found: Any) -> None:
    trials = [
        dataclasses.replace(found(GOOD).outcomes[0], number=n, val_accuracy=n / 100)
        for n in range(30)
    ]
    page = str(found(GOOD, outcomes=tuple(trials)))
    assert "the best 10 of 30 trials; search.trials has all" in page
    assert "29.0 %" in page
    assert "19.0 %" not in page


def test_it_is_a_page_in_a_notebook_and_in_markdown(found: Any) -> None:
    search = found(GOOD)
    shown = search._repr_mimebundle_()
    assert "Tuning helped" in shown["text/html"]
    assert shown["text/plain"] == str(search)
    assert "| trial | optimizer.lr | val accuracy | time |" in search.to_markdown()
    assert repr(search) == "Search(baseline; 3 trials on made up)"


def test_a_misspelt_attribute_says_what_there_is(found: Any) -> None:
    with pytest.raises(ck.UnknownAttributeError, match="trials"):
        _ = found(GOOD).trails
