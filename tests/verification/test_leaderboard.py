"""The order of verified runs: by the lower end, one place for one training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import cifarkit as ck
from cifarkit.runs.facts import Facts
from cifarkit.runs.test_predictions import TestPredictions

N = 1_000


def verified(
    folder: str,
    correct: int,
    *,
    seed: int = 0,
    variant: str = "linear",
    epochs: int = 1,
    data: str = "CIFAR-10",
    **described: Any,
) -> ck.Verification:
    """Return a verification that has passed."""
    about = {
        "variant": {"name": variant, "code": variant, "options": {}} | described,
        "recipe": {"epochs": epochs},
        "seed": seed,
        "facts": Facts(seconds=1.0, data={"name": data, "fingerprint": f"fingerprint of {data}"}),
    }
    found = ck.Finding("weights", "passed", "they give the logits of the test predictions")
    logits = np.random.default_rng(list(folder.encode())).normal(size=(9, 10)).astype(np.float16)
    test_predictions = TestPredictions(logits, logits.argmax(1), logits.argmax(1))
    return ck.Verification(
        Path(folder), (found,), about, correct, N, test_predictions=test_predictions, data=data
    )


def refused(folder: str, reason: str = "the labels are others") -> ck.Verification:
    found = ck.Finding("test predictions", "failed", reason)
    return replace(verified(folder, 999), findings=(found,))


def test_seeds_of_one_training_are_one_standing_with_a_t_interval() -> None:
    runs = [verified(f"runs/{seed}", 700 + 10 * seed, seed=seed) for seed in range(4)]
    (standing,) = ck.leaderboard(runs).standings
    shares = [0.70, 0.71, 0.72, 0.73]
    expected = stats.t.interval(0.95, 3, loc=0.715, scale=stats.sem(shares))
    assert standing.interval == pytest.approx(expected)
    assert standing.accuracy == pytest.approx(0.715)
    assert (standing.seeds, standing.interval_of) == (4, "t")
    assert standing.runs == ("runs/0", "runs/1", "runs/2", "runs/3")


def test_a_single_run_has_the_interval_of_its_images() -> None:
    (standing,) = ck.leaderboard([verified("a", 700)]).standings
    assert standing.interval == ck.wilson_interval(700, N)
    assert (standing.seeds, standing.interval_of) == (1, "Wilson")


def test_copies_under_other_seeds_count_once() -> None:
    honest = [verified(f"honest-{seed}", 700 + seed, seed=seed, variant="mlp") for seed in (0, 1)]
    test_predictions = verified("first", 690).test_predictions
    assert test_predictions is not None
    logits = test_predictions.logits + np.eye(9, 10, dtype=np.float16)[:1] * np.float16(0.004)
    moved = replace(test_predictions, logits=logits)  # by a little, in one image
    predictions = [test_predictions, moved, test_predictions, moved]
    copies = [
        replace(verified(f"{seed}", 690, seed=seed), test_predictions=predictions[seed])
        for seed in range(4)
    ]
    board = ck.leaderboard([*copies, *honest])
    (one,) = (standing for standing in board.standings if standing.variant == "linear")
    assert (one.seeds, one.interval_of, one.doubles) == (1, "Wilson", ("1", "2", "3"))
    assert one.interval == ck.wilson_interval(690, N)


def test_runs_with_other_callbacks_stand_apart() -> None:
    plain, mixed = verified("a", 700), verified("b", 720, seed=1)
    mixed.about["facts"].callbacks = ["cifarkit.training.callbacks.mixup.Mixup(alpha=0.2)"]
    assert len(ck.leaderboard([plain, mixed]).standings) == 2


def test_the_best_of_several_handed_in_alone_gains_nothing() -> None:
    several = [verified(f"s{seed}", 700 + 20 * seed, seed=seed) for seed in range(5)]
    alone = verified("best", 790, variant="mlp")
    (first, second) = ck.leaderboard([alone, *several]).standings
    assert (first.seeds, second.runs) == (5, ("best",))
    assert second.interval.low > first.interval.low


def test_the_lower_end_ranks_and_not_the_mean() -> None:
    sure = [verified(f"sure-{seed}", 740 + seed, seed=seed, variant="mlp") for seed in range(5)]
    lucky = verified("lucky", 750)
    assert [one.variant for one in ck.leaderboard([lucky, *sure]).standings] == ["mlp", "linear"]


@pytest.mark.parametrize(
    "change", [{"variant": "mlp"}, {"epochs": 2}, {"code": "x"}, {"options": {"depth": 2}}]
)
def test_what_differs_in_more_than_the_seed_stands_apart(change: dict[str, Any]) -> None:
    runs = [verified("a", 700), verified("b", 720, seed=1, **change)]
    assert len(ck.leaderboard(runs).standings) == 2


def test_standings_of_one_name_say_in_what_they_differ() -> None:
    runs = [verified("a", 700), verified("b", 720, epochs=3), verified("c", 730, variant="mlp")]
    by_run = {standing.runs[0]: standing.settings for standing in ck.leaderboard(runs).standings}
    assert by_run == {"a": "recipe.epochs 1", "b": "recipe.epochs 3", "c": ""}
    assert "with recipe.epochs 3" in str(ck.leaderboard(runs))


def test_one_seed_counts_once_and_the_lowest_of_it_does() -> None:
    runs = [verified("a", 720), verified("b", 700), verified("c", 710)]
    board = ck.leaderboard(runs)
    (standing,) = board.standings
    assert standing.accuracy == 0.7
    assert (standing.runs, standing.doubles) == (("b",), ("a", "c"))
    assert "not counted (same seed, logits or weights): a, c" in str(board)


def test_the_order_of_the_runs_does_not_matter() -> None:
    runs = [
        *(verified(f"l{seed}", 700 + seed, seed=seed) for seed in (0, 1, 1)),
        *(verified(f"m{seed}", 690 + seed, seed=seed, variant="mlp") for seed in (0, 1)),
        refused("y"),
        refused("x"),
    ]
    assert ck.leaderboard(runs) == ck.leaderboard(runs[::-1])


def test_what_is_not_verified_is_listed_and_not_ranked() -> None:
    board = ck.leaderboard([refused("forged"), verified("a", 500)])
    assert [standing.runs for standing in board.standings] == [("a",)]
    below = str(board).partition("not verified, so not ranked:")[2]
    assert "forged" in below
    assert "test predictions: the labels are others" in below


def test_other_data_is_ranked_apart() -> None:
    board = ck.leaderboard([verified("a", 900, data="synthetic"), verified("b", 500)])
    assert [one["rank"] for one in board.to_json()["standings"]] == [1, 1]
    assert str(board).count("ranked by") == 2
    assert list(board.by_data) == ["fingerprint of CIFAR-10", "fingerprint of synthetic"]


def test_the_table_fits_a_terminal_and_the_json_is_json() -> None:
    runs = [
        verified(f"runs/of-a-student-with-a-long-name-{seed}", 700 + 9 * seed, seed=seed % 40)
        for seed in range(30)
    ]
    board = ck.leaderboard([*runs, verified("b", 1000, variant="mlp"), refused("c", "why " * 60)])
    assert all(len(line) <= 80 for line in str(board).splitlines())
    assert len(json.loads(json.dumps(board.to_json()))["standings"]) == 2
    assert str(ck.leaderboard([])) == "no runs"


def test_a_copy_under_another_recipe_is_named_in_both_rows() -> None:
    first = verified("honest", 700)
    copy = replace(verified("copy", 700, epochs=2), test_predictions=first.test_predictions)
    other = verified("other", 650, epochs=3)
    board = ck.leaderboard([first, copy, other])
    assert {standing.runs: standing.same_logits for standing in board.standings} == {
        ("honest",): ("copy",),
        ("copy",): ("honest",),
        ("other",): (),
    }
    assert str(board).count("the same logits or weights are in") == 2
    assert json.loads(json.dumps(board.to_json()))["standings"][0]["same_logits"]


def test_the_same_training_may_give_two_students_the_same_logits() -> None:
    first = verified("ada/run", 700)
    second = replace(verified("ben/run", 700), test_predictions=first.test_predictions)
    board = ck.leaderboard([first, second], by_folder=True)
    assert [(one.owner, one.seeds, one.same_logits) for one in board.standings] == [
        ("ada", 1, ()),
        ("ben", 1, ()),
    ]
    again = replace(second, about={**second.about, "seed": 7})
    board = ck.leaderboard([first, again], by_folder=True)
    assert [standing.same_logits for standing in board.standings] == [("ben/run",), ("ada/run",)]


def test_by_folder_each_student_has_standings_of_their_own() -> None:
    runs = [
        verified(f"{name}/{seed}", correct + seed, seed=seed)
        for name, correct in (("ada", 700), ("ben", 800))
        for seed in range(3)
    ]
    (together,) = ck.leaderboard(runs).standings
    assert (together.owner, together.seeds) == ("", 3)  # one student's seeds stand for both
    apart = ck.leaderboard(runs, by_folder=True)
    assert [(one.owner, one.seeds) for one in apart.standings] == [("ben", 3), ("ada", 3)]
    assert "linear, ben" in str(apart)


def test_only_verifications_are_ranked() -> None:
    with pytest.raises(ck.DataError, match=r"ranks what ck.verify returned, found 'runs/a'"):
        ck.leaderboard(["runs/a"])


def test_a_long_list_of_folders_is_cut_and_json_has_all() -> None:
    first = verified("run-00", 700)
    others = [
        replace(
            verified(f"run-{number:02}", 700, seed=number), test_predictions=first.test_predictions
        )
        for number in range(1, 61)
    ]
    board = ck.leaderboard([first, *others])
    assert "and 55 more" in str(board)
    assert len(board.standings[0].doubles) == 60
    assert len(str(board).splitlines()) < 10
