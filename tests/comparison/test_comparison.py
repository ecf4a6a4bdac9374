"""A comparison as an object: its table, its pairs, its choice, whatever order it was asked in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import cifarkit as ck
from cifarkit.comparison.power import power_of
from cifarkit.comparison.wording import notes

SIX = {
    "linear": (0.40, 0.41, 0.39, 0.42, 0.40, 0.41),
    "mlp": (0.52, 0.50, 0.55, 0.53, 0.51, 0.54),
}


def test_the_table_agrees_with_numpy_and_scipy(make_comparison: Any) -> None:
    table = make_comparison(SIX).table
    for name, accuracies in SIX.items():
        row = table.loc[name]
        assert row["n"] == 6
        assert row["mean"] == pytest.approx(np.mean(accuracies))
        assert row["sd"] == pytest.approx(np.std(accuracies, ddof=1))
        low, high = stats.t.interval(0.95, 5, np.mean(accuracies), stats.sem(accuracies))
        assert (row["low"], row["high"]) == pytest.approx((low, high))
        assert row["parameters"] == ck.summary(name).parameters
        assert row["multiply_adds"] == ck.summary(name).multiply_adds
        assert row["seconds"] == 9.0
        assert row["test"] == "once at the end"


def power_noted(comparison: ck.Comparison) -> list[str]:
    return [note for note in notes(comparison) if "would be found" in note]


def test_the_power_that_it_had_is_noted(make_comparison: Any) -> None:
    (note,) = power_noted(make_comparison(SIX))
    (pair,) = make_comparison(SIX).pairs
    sd = np.std(np.subtract(SIX["mlp"], SIX["linear"]), ddof=1)
    share = f"{100 * power_of(0.01, sd, 6):.0f} %"
    assert note == (
        "With 6 seeds and this spread, a true difference of 1.0 points would be found in "
        f"{share} of such studies."
    )
    # As the verdict says: what is found in 80 % is the difference that could have been missed.
    assert power_of(pair.detectable, sd, 6) == pytest.approx(0.8, abs=1e-3)


def test_the_power_of_several_pairs_is_a_range_after_holm(make_comparison: Any) -> None:
    three = {name: (*accuracies, 0.5) for name, accuracies in SIX.items()}
    three["resnet20"] = tuple(0.1 + accuracy for accuracy in three["mlp"])
    (note,) = power_noted(make_comparison(three))
    assert note.startswith("With 7 seeds and this spread")
    assert note.endswith(
        " to 100 % of such studies. This share depends on the pair, and is after Holm over 3 pairs."
    )


@pytest.mark.parametrize("seeds", [1, 5])
def test_where_seeds_are_too_few_for_any_verdict_no_power_is_noted(
    seeds: int, make_comparison: Any
) -> None:
    few = {name: accuracies[:seeds] for name, accuracies in SIX.items()}
    assert power_noted(make_comparison(few)) == []
    assert power_noted(make_comparison({"linear": SIX["linear"]})) == []


def test_one_seed_has_no_spread(make_comparison: Any) -> None:
    row = make_comparison({"linear": [0.4]}).table.loc["linear"]
    assert row["n"] == 1
    assert math.isnan(row["sd"])
    assert math.isnan(row["low"])


def test_a_variant_whose_runs_all_failed_stays_in_the_table(make_comparison: Any) -> None:
    comparison = make_comparison(
        {"linear": [0.4, 0.5], "mlp": []}, failures=("mlp seed 0: failed",)
    )
    assert comparison.table.loc["mlp", "n"] == 0
    assert comparison.pairs[0].n == 0
    assert "mlp seed 0: failed" in str(comparison)


def test_the_later_variant_is_compared_with_the_earlier(make_comparison: Any) -> None:
    accuracies = {**SIX, "resnet20": (0.6,) * 6}
    pairs = make_comparison(accuracies).pairs
    assert [(pair.a, pair.b) for pair in pairs] == [
        ("mlp", "linear"),
        ("resnet20", "linear"),
        ("resnet20", "mlp"),
    ]
    assert pairs[0].difference == pytest.approx(np.mean(SIX["mlp"]) - np.mean(SIX["linear"]))
    assert pairs[0].wins == 6


def test_a_variant_that_is_not_there_has_no_outcomes(make_comparison: Any) -> None:
    result = make_comparison(SIX)
    assert len(result.of("mlp")) == 6
    with pytest.raises(ck.ComparisonError, match="no variant here is called 'nope'; there are li"):
        result.of("nope")


def test_what_changed_is_from_the_second_to_the_first(make_comparison: Any) -> None:
    comparison = make_comparison({"baseline": [0.5, 0.6], "batchnorm": [0.6, 0.7]})
    assert comparison.pairs[0].changed == {"batch_norm": (False, True)}
    text = " ".join(str(comparison).split())
    assert "Changed from baseline to batchnorm: batch_norm False -> True." in text


def test_the_order_of_variants_changes_no_number(make_comparison: Any) -> None:
    accuracies = {**SIX, "resnet20": (0.5, 0.49, 0.56, 0.52, 0.53, 0.56)}
    one = make_comparison(accuracies)
    other = make_comparison(dict(reversed(accuracies.items())))
    mirrored = {(pair.b, pair.a): pair.mirrored() for pair in other.pairs}
    for pair in one.pairs:
        assert pair == mirrored[pair.a, pair.b]
    kinds = {frozenset((p.a, p.b)): v for p, v in zip(other.pairs, other.verdicts, strict=True)}
    for pair, verdict in zip(one.pairs, one.verdicts, strict=True):
        assert verdict == kinds[frozenset((pair.a, pair.b))]
    assert one.table.sort_index().equals(other.table.sort_index())


def test_six_seeds_can_tell_two_variants_apart_and_five_cannot(make_comparison: Any) -> None:
    assert [one.kind for one in make_comparison(SIX).verdicts] == ["better"]
    five = {name: row[:5] for name, row in SIX.items()}
    (verdict,) = make_comparison(five).verdicts
    assert verdict.kind == "too few seeds"
    assert ".0625" in verdict.text


def test_one_variant_under_two_names_is_not_told_apart(make_comparison: Any) -> None:
    registered = ck.get_variant("linear")
    ck.register_model("twin", summary="linear again")(registered.builder)
    (verdict,) = make_comparison({"linear": SIX["linear"], "twin": SIX["linear"]}).verdicts
    assert verdict.kind == "not distinguishable"
    assert "Nothing was changed between them" in verdict.text
    assert "the same images in every run" in verdict.text


def test_the_best_is_chosen_by_val_alone(make_comparison: Any) -> None:
    comparison = make_comparison(SIX)
    assert comparison.best() == comparison.best("val_loss") == "mlp"
    with pytest.raises(ck.SelectionError, match=r"Use best\('val_accuracy'\)"):
        comparison.best("test_accuracy")
    with pytest.raises(ck.SelectionError, match="no column 'speed'"):
        comparison.best("speed")


def test_csv_has_a_row_for_each_run_and_overwrites_nothing(
    make_comparison: Any, tmp_path: Path
) -> None:
    comparison, path = make_comparison(SIX), tmp_path / "runs.csv"
    comparison.to_csv(path)
    lines = path.read_text().splitlines()
    assert lines[0] == "variant,seed,test_accuracy,val_accuracy,seconds,folder"
    assert len(lines) == 13
    assert lines[1].startswith("linear,0,0.4,")
    with pytest.raises(ck.RunFolderError, match="nothing is overwritten"):
        comparison.to_csv(path)
    assert path.read_text().splitlines() == lines


def test_a_variant_that_mostly_failed_does_not_win_by_one_good_run(make_comparison: Any) -> None:
    comparison = make_comparison({"linear": {0: 0.3, 1: 0.6, 2: 0.6}, "mlp": {0: 0.2}})
    assert comparison.best() == "linear"
    assert make_comparison({"linear": {0: 0.3, 1: 0.9}, "mlp": {0: 0.4}}).best() == "mlp"
    with pytest.raises(ck.ComparisonError, match="no seed in common"):
        make_comparison({"linear": {0: 0.3}, "mlp": {1: 0.4}}).best()


def test_a_run_that_failed_is_named_and_ordinary_runs_are_not(make_comparison: Any) -> None:
    ordinary = (0.40, 0.41, 0.42, 0.40, 0.43, 0.41)
    text = " ".join(str(make_comparison({"linear": ordinary, "mlp": (*ordinary[:5], 0.1)})).split())
    assert "1 of 6 runs of mlp failed: 10.0 %, where the others reach 40.0 % to 43.0 %." in text
    assert "runs of linear failed" not in text
