"""Which runs cannot both be what their records say."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import cifarkit as ck
from cifarkit.runs.facts import Facts
from cifarkit.runs.test_predictions import TestPredictions
from cifarkit.verification.same_logits import families, same_logits


def run(folder: str, logits: int, *, seed: int = 0, epochs: int = 1) -> ck.Verification:
    about = {
        "variant": None,
        "recipe": {"epochs": epochs},
        "seed": seed,
        "facts": Facts(data={"fingerprint": "b57d"}),
    }
    drawn = np.random.default_rng(logits).normal(size=(9, 10)).astype(np.float16)
    test_predictions = TestPredictions(drawn, drawn.argmax(1), drawn.argmax(1))
    return ck.Verification(Path(folder), (), about, test_predictions=test_predictions)


def names(pairs: list[tuple[ck.Verification, ck.Verification]]) -> list[tuple[str, str]]:
    return [(str(one.folder), str(other.folder)) for one, other in pairs]


def test_the_same_logits_under_another_seed_or_recipe_contradict_each_other() -> None:
    runs = [run("a", 0), run("b", 0, seed=1), run("c", 0, epochs=2)]
    assert names(list(same_logits(runs))) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_the_same_record_with_the_same_logits_and_other_logits_do_not() -> None:
    assert list(same_logits([run("ada", 0), run("ben", 0), run("cleo", 1, seed=1)])) == []


def test_families_that_a_later_pair_joins_become_one() -> None:
    a, b, c, d = (run(name, 0) for name in "abcd")
    (family,) = families([(a, d), (b, c), (c, d)])
    assert sorted(str(run.folder) for run in family) == ["a", "b", "c", "d"]


def test_a_run_without_test_predictions_is_not_a_copy() -> None:
    empty = ck.Verification(Path("none"), ())
    assert list(same_logits([empty, empty, run("a", 0)])) == []


def test_a_family_names_each_run_once_and_families_stay_apart() -> None:
    honest = [run(f"student {number}", 0) for number in range(4)]
    others = [run("x", 1), run("y", 1, seed=5)]
    found = families(same_logits([*honest, *others, run("copied", 0, seed=3)]))
    folders = [[str(run.folder) for run in family] for family in found]
    assert sorted(map(sorted, folders)) == [
        ["copied", "student 0", "student 1", "student 2", "student 3"],
        ["x", "y"],
    ]
