from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cifarkit.comparison.differences import difference_interval, difference_test, same_p
from cifarkit.comparison.pairs import Pair, compare_pairs
from cifarkit.comparison.power import detectable_difference
from cifarkit.comparison.statistics import holm, mcnemar
from cifarkit.comparison.two_levels import least_sd, two_level_interval
from cifarkit.errors import DataError

NAMES = ("baseline", "batchnorm", "augmented", "deeper")


def answers(seeds: int, images: int = 50, draw: int = 0, names: tuple[str, ...] = NAMES) -> Any:
    """Return `{variant: {seed: bool images}}`."""
    right = np.random.default_rng(draw).random((len(names), seeds, images)) < 0.7
    return {name: dict(enumerate(runs)) for name, runs in zip(names, right, strict=True)}


def named(a: str, b: str) -> dict[str, tuple[str, str]]:
    return {"name": (b, a)}


def compared(correct: Any, margin: float | None = None) -> tuple[Pair, ...]:
    accuracies = {
        name: {seed: float(right.mean()) for seed, right in runs.items()}
        for name, runs in correct.items()
    }
    return compare_pairs(accuracies, correct, named, margin=margin)


def test_every_two_variants_make_one_pair_in_their_order() -> None:
    pairs = [(pair.a, pair.b) for pair in compared(answers(3))]
    assert len(pairs) == 6
    assert pairs[:3] == [("baseline", other) for other in NAMES[1:]]


def test_a_pair_says_what_the_statistics_say() -> None:
    correct = answers(8)
    pairs = compared(correct, margin=0.2)
    pair = pairs[0]
    a, b = (np.stack(list(correct[name].values())) for name in (pair.a, pair.b))
    differences = a.mean(axis=1) - b.mean(axis=1)
    assert pair.n == 8
    assert pair.difference == differences.mean()
    least = least_sd(a, b)
    assert least > 0
    assert pair.interval == difference_interval(differences, least_sd=least)
    assert pair.two_level == two_level_interval(a, b)
    assert (pair.p, pair.p_error) == difference_test(differences, least_sd=least)
    assert [each.p_holm for each in pairs] == holm([each.p for each in pairs])
    (alone,) = compared({name: correct[name] for name in (pair.a, pair.b)}, margin=0.2)
    assert alone.p_same == same_p(differences, 0.2, least_sd=least)
    assert pair.p_same is not None
    assert alone.p_same < pair.p_same <= 6 * alone.p_same
    assert (pair.wins, pair.losses) == ((differences > 0).sum(), (differences < 0).sum())
    assert pair.detectable == detectable_difference(
        float(differences.std(ddof=1)), 8, alpha=0.05 / 6
    )
    assert pair.changed == {"name": ("batchnorm", "baseline")}
    assert not pair.same_answers
    assert pair.mcnemar is None


@settings(max_examples=40, database=None)
@given(st.permutations(NAMES), st.integers(1, 7), st.integers(0, 2**32))
def test_the_order_of_variants_decides_only_who_is_named_first(
    order: list[str], seeds: int, draw: int
) -> None:
    correct = answers(seeds, draw=draw)
    here = {(pair.a, pair.b): pair for pair in compared(correct)}
    for pair in compared({name: correct[name] for name in order}):
        found = here.get((pair.a, pair.b)) or here[pair.b, pair.a].mirrored()
        assert found == pair


def test_the_order_of_many_seeds_is_nothing_to_it() -> None:
    correct = answers(20, names=NAMES[:2])
    turned = {name: dict(reversed(runs.items())) for name, runs in correct.items()}
    assert compared(turned) == compared(correct)
    (pair,) = compared(correct)
    (other,) = compared(dict(reversed(correct.items())))
    assert other == pair.mirrored()


@settings(max_examples=20, database=None)
@given(st.integers(1, 6), st.integers(0, 2**32))
def test_a_mirror_of_a_mirror_is_the_pair(seeds: int, draw: int) -> None:
    for pair in compared(answers(seeds, draw=draw)):
        assert pair.mirrored().mirrored() == pair


def test_only_seeds_that_both_have_are_paired() -> None:
    correct = answers(5, names=NAMES[:2])
    del correct["baseline"][0], correct["batchnorm"][3]
    (pair,) = compared(correct)
    assert pair.n == 3
    whole = answers(5, names=NAMES[:2])
    assert pair == compared({name: {s: whole[name][s] for s in (1, 2, 4)} for name in whole})[0]


def test_variants_without_a_common_seed_are_a_pair_of_nothing() -> None:
    correct = answers(2, names=NAMES[:2])
    del correct["baseline"][0], correct["batchnorm"][1]
    (pair,) = compared(correct)
    assert (pair.n, pair.p, pair.interval, pair.two_level) == (0, 1.0, None, None)
    assert math.isnan(pair.difference)


def test_seeds_too_few_for_any_p_can_find_nothing() -> None:
    assert compared(answers(7))[0].detectable is None
    assert compared(answers(7, names=NAMES[:2]))[0].detectable is not None


def test_one_seed_is_two_networks() -> None:
    correct = answers(1, names=NAMES[:2])
    (pair,) = compared(correct)
    assert pair.mcnemar == mcnemar(correct["baseline"][0], correct["batchnorm"][0])
    assert (pair.interval, pair.detectable, pair.p) == (None, None, 1.0)
    assert pair.two_level is not None


def test_one_variant_under_two_names_is_noticed() -> None:
    correct = answers(4, names=NAMES[:1])
    (pair,) = compared(correct | {"again": dict(correct["baseline"])})
    assert pair.same_answers
    assert (pair.difference, pair.p, pair.interval) == (0.0, 1.0, (0.0, 0.0))


def test_one_variant_makes_no_pair() -> None:
    assert compared(answers(3, names=NAMES[:1])) == ()


def test_an_accuracy_without_answers_is_refused() -> None:
    correct = answers(2, names=NAMES[:2])
    accuracies = {name: {0: 0.7, 5: 0.7} for name in correct}
    with pytest.raises(DataError, match="'baseline' with seed 5 has no correct images"):
        compare_pairs(accuracies, correct, named)


def test_runs_on_different_images_are_refused() -> None:
    correct = answers(2, 50, names=NAMES[:1]) | answers(2, 40, names=NAMES[1:2])
    found = "'baseline' with seed 0 on 50 images, 'batchnorm' with seed 0 on 40 images"
    with pytest.raises(DataError, match=found):
        compared(correct)
