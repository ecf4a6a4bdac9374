"""The explorer of learning rates shows its record, and summarises it as Python does."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    text = (DOCS / "records" / "learning_rates.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def test_the_pages_data_is_the_record(node: Callable[..., Any], record: dict[str, Any]) -> None:
    assert node("learning-rate", "({ RECORD }) => RECORD") == record


def test_the_record_says_where_it_is_from(record: dict[str, Any]) -> None:
    assert {"torch", "cifarkit", "python"} <= record["machine"]["versions"].keys()
    assert "CIFAR-10" in record["data"]
    seeds = [[run["seed"] for run in row["runs"]] for row in record["rates"]]
    assert len(seeds) == 11
    assert all(row == seeds[0] for row in seeds)
    assert len(seeds[0]) >= 2
    for row in record["rates"]:
        for run in row["runs"]:
            if not run["diverged"]:
                assert len(run["val_loss"]) == len(run["val_accuracy"]) == record["epochs"]


def test_ends_are_mean_and_range_over_the_seeds(
    node: Callable[..., Any], record: dict[str, Any]
) -> None:
    found = node("learning-rate", "({ RECORD, final }) => RECORD.rates.map(final)")
    for row, end in zip(record["rates"], found, strict=True):
        last = [run["val_accuracy"][-1] for run in row["runs"] if not run["diverged"]]
        assert end["n"] == len(last)
        assert end["diverged"] == len(row["runs"]) - len(last)
        assert end["mean"] == pytest.approx(statistics.fmean(last))
        assert (end["low"], end["high"]) == (min(last), max(last))


@pytest.mark.parametrize(
    ("rate", "index"), [(1e-5, 0), (1e-9, 0), (1.0, 10), (7.0, 10), (1.7e-3, 4), (1.9e-3, 5)]
)
def test_the_nearest_rate_is_nearest_by_its_logarithm(
    node: Callable[..., Any], rate: float, index: int
) -> None:
    found = node(
        "learning-rate", "({ RECORD, nearest }, rate) => nearest(RECORD.rates, rate)", rate
    )
    assert found == index  # halfway between 0.001 and 0.0032 lies 0.0018


def rows(*accuracies: float) -> list[dict[str, Any]]:
    return [
        {"lr": 10.0**power, "runs": [{"diverged": False, "val_accuracy": [0.0, accuracy]}]}
        for power, accuracy in enumerate(accuracies)
    ]


def test_regions_lie_around_the_best_rate(node: Callable[..., Any]) -> None:
    given = rows(0.2, 0.47, 0.5, 0.46, 0.1)
    function = "({ region }, rows) => rows.map((_, index) => region(rows, index))"
    assert node("learning-rate", function, given) == [
        *("too small", "good", "good", "good", "too large")
    ]


def test_a_rate_whose_runs_all_diverged_is_too_large(node: Callable[..., Any]) -> None:
    given = [*rows(0.2, 0.5), {"lr": 100.0, "runs": [{"diverged": True, "train_loss": [2.3]}]}]
    function = "({ region, best }, rows) => [best(rows), region(rows, 2)]"
    assert node("learning-rate", function, given) == [1, "too large"]


def test_the_sentences_name_the_recorded_rate_that_is_shown(node: Callable[..., Any]) -> None:
    found = node("learning-rate", "({ sentences }) => sentences(0.0011, 4)")
    assert found[0] == "You chose 0.0011; the nearest recorded rate is 0.001."
    assert "seeds" in found[1]
