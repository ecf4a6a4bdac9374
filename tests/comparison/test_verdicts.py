from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.stats

from cifarkit.comparison.pairs import Pair, compare_pairs
from cifarkit.comparison.statistics import McNemar
from cifarkit.comparison.verdicts import verdict
from cifarkit.errors import DataError
from cifarkit.evaluation.intervals import ConfidenceInterval

SEEN = Pair(
    a="batchnorm",
    b="baseline",
    n=8,
    difference=0.021,
    interval=ConfidenceInterval(0.012, 0.030),
    two_level=ConfidenceInterval(0.010, 0.032),
    p=0.0078125,
    p_error=0.0,
    p_holm=0.0234375,
    wins=8,
    losses=0,
    same_answers=False,
    detectable=0.0066,
    changed={"batch_norm": (False, True)},
)
UNTOLD = replace(
    SEEN,
    a="augmented",
    difference=0.001,
    interval=ConfidenceInterval(-0.004, 0.006),
    p=0.7,
    p_holm=0.7,
    wins=5,
)
FEW = replace(SEEN, n=5, p=0.0625, p_holm=0.0625, wins=5)
ONE = replace(
    SEEN,
    n=1,
    interval=None,
    detectable=None,
    p=1.0,
    p_holm=1.0,
    wins=1,
    mcnemar=McNemar(31, 12, 0.0054),
)
NONE = replace(ONE, n=0, difference=math.nan, two_level=None, wins=0, mcnemar=None)


def test_better_is_said_with_its_numbers() -> None:
    assert verdict(SEEN, pairs=3) == (
        "better",
        "batchnorm is better than baseline: +2.1 points (95 % interval +1.2 to +3.0, "
        "p = .0234 after Holm over 3 pairs, 8 seeds).",
    )


def test_not_distinguishable_is_said_with_what_would_have_been_missed() -> None:
    assert verdict(UNTOLD, pairs=1) == (
        "not distinguishable",
        "augmented and baseline are not distinguishable with 8 seeds: +0.1 points for augmented "
        "(95 % interval -0.4 to +0.6, p = .7). A difference below about 0.7 points could well "
        "have been missed.",
    )


def test_after_looks_the_seeds_of_the_decision_are_said() -> None:
    looked = replace(SEEN, n=5, two_level=None, detectable=None)
    assert verdict(looked, pairs=3, until_decided=True) == (
        "better",
        "batchnorm is better than baseline: +2.1 points (95 % interval +1.2 to +3.0, p = .0234 "
        "after Holm over 3 pairs, decided after 5 seeds).",
    )


def test_without_a_decision_after_looks_nothing_is_said_to_be_equal() -> None:
    looked = replace(UNTOLD, n=12, two_level=None, detectable=None)
    assert verdict(looked, pairs=1, until_decided=True) == (
        "not decided",
        "12 seeds do not decide between augmented and baseline: +0.1 points for augmented "
        "(95 % interval -0.4 to +0.6, p = .7). This does not mean that they are equal.",
    )


@pytest.mark.parametrize(("n", "seeds"), [(1, "1 seed"), (4, "4 seeds")])
def test_fewer_seeds_than_the_first_look_takes_are_too_few(n: int, seeds: str) -> None:
    looked = replace(SEEN, n=n, p=1.0, p_holm=1.0, wins=n, interval=None)
    kind, text = verdict(looked, pairs=3, until_decided=True)
    assert kind == "too few seeds"
    assert f"they have {seeds}, and at least 5 are needed." in text
    assert f"is ahead with {n} of {seeds}, " in text


def test_a_pair_without_a_common_seed_is_said_so_after_looks() -> None:
    assert verdict(NONE, pairs=3, until_decided=True) == (
        "too few seeds",
        "batchnorm and baseline have no seed in common, so they cannot be compared. Train both "
        "with the same 5 seeds.",
    )


def test_too_few_seeds_is_said_with_the_floor_and_what_was_seen() -> None:
    assert verdict(FEW, pairs=1) == (
        "too few seeds",
        "Too few seeds to tell batchnorm from baseline: with 5 seeds the smallest possible p is "
        ".0625. At least 6 seeds are needed. What was seen: batchnorm is ahead with 5 of 5 seeds, "
        "+2.1 points (95 % interval +1.2 to +3.0).",
    )
    text = verdict(FEW, pairs=3).text
    assert "p is .188 after Holm over 3 pairs. At least 7 seeds are needed." in text


def test_one_seed_speaks_of_two_networks() -> None:
    assert verdict(ONE, pairs=1) == (
        "too few seeds",
        "One seed cannot tell batchnorm from baseline: at least 6 seeds are needed. Only the "
        "network of batchnorm was right on 31 images, and only the network of baseline on 12 "
        "(exact McNemar test, p = .0054). This says something about these two networks, not about "
        "the variants.",
    )


def test_without_a_common_seed_nothing_is_said() -> None:
    kind, text = verdict(NONE, pairs=1)
    assert kind == "too few seeds"
    assert "have no seed in common, so they cannot be compared. Train both" in text


@pytest.mark.parametrize("pair", [SEEN, UNTOLD, FEW, ONE], ids=["seen", "untold", "few", "one"])
def test_whoever_is_ahead_is_named_first(pair: Pair) -> None:
    assert verdict(pair.mirrored(), pairs=3) == verdict(pair, pairs=3)


@pytest.mark.parametrize(
    ("p", "said"), [(0.0004, "p < .001"), (0.0488, "p = .0488"), (0.001, "p = .001")]
)
def test_p_is_said_as_papers_print_it(p: float, said: str) -> None:
    assert f", {said} after Holm" in verdict(replace(SEEN, p_holm=p), pairs=2).text


def test_several_changes_cannot_be_told_apart() -> None:
    both = replace(SEEN, changed={"lr": (0.1, 0.01), "batch_norm": (False, True)})
    assert verdict(both, pairs=3).text.endswith(
        "More than one thing was changed between them: batch_norm, lr. So the runs cannot tell "
        "which of these causes a difference."
    )
    assert "More than one" not in verdict(SEEN, pairs=3).text


def test_nothing_changed_is_said() -> None:
    text = verdict(replace(UNTOLD, changed={}), pairs=1).text
    assert text.endswith("Nothing was changed between them, so any difference is chance.")


def test_the_same_answers_in_every_run_are_said() -> None:
    same = replace(
        UNTOLD,
        difference=0.0,
        interval=ConfidenceInterval(0.0, 0.0),
        p_holm=1.0,
        same_answers=True,
        detectable=0.0,
    )
    text = verdict(same, pairs=1).text
    assert "(95 % interval +0.0 to +0.0, p = 1). Both were right and wrong on the same" in text


def test_no_verdict_says_significant() -> None:
    for pair in (SEEN, UNTOLD, FEW, ONE, NONE):
        for sentences in (verdict(pair, pairs=1).text, verdict(pair, pairs=10).text):
            assert "significan" not in sentences
            assert sentences.endswith(".")


def test_no_pairs_are_refused() -> None:
    with pytest.raises(DataError, match="pairs must be 1 or more, found 0; give the number"):
        verdict(SEEN, pairs=0)


def a_study(rng: np.random.Generator, variants: int, n: int, images: int = 200) -> Any:
    """Return bool `variants n images` of equal variants: seeds differ in luck, and skewed."""
    luck = 0.7 + 0.04 * (1 - rng.exponential(size=(variants, n, 1)))
    return rng.random((variants, n, images)) < luck


def kinds(right: Any) -> list[str]:
    correct = {f"variant-{place}": dict(enumerate(runs)) for place, runs in enumerate(right)}
    accuracies = {
        name: {seed: float(answers.mean()) for seed, answers in runs.items()}
        for name, runs in correct.items()
    }
    pairs = compare_pairs(accuracies, correct, lambda a, b: {})
    return [verdict(pair, pairs=len(pairs)).kind for pair in pairs]


@pytest.mark.parametrize(("variants", "n"), [(2, 3), (2, 6), (2, 10), (4, 10)])
def test_equal_variants_are_seldom_called_different(
    variants: int, n: int, times: Callable[[int, int], int]
) -> None:
    studies, rng = times(200, 2_000), np.random.default_rng(n)
    drawn = [a_study(rng, variants, n) for _ in range(studies)]
    wrong = np.mean(["better" in kinds(right) for right in drawn])
    # The control: a t-test on all answers, as if seeds did not differ. (As numbers: of booleans
    # SciPy 1.15 makes no p.)
    answers = [r[:2].reshape(2, -1).astype(float) for r in drawn]
    naive = np.mean([scipy.stats.ttest_ind(*both).pvalue < 0.05 for both in answers])
    print(
        f"seed {n}: {variants} equal variants, {n} seeds, {studies} studies: "
        f"better in {100 * wrong:.1f} %; as if seeds did not differ in {100 * naive:.1f} %"
    )
    allowed = 0.05 + max(0.02, 3 * math.sqrt(0.05 * 0.95 / studies))
    assert wrong <= allowed
    assert naive > allowed


def test_a_true_difference_is_called_better() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(50):
        right = a_study(rng, 2, 8)
        right[0] |= rng.random(right[0].shape) < 0.5  # half the mistakes of the first are mended
        found += kinds(right)
    assert found.count("better") >= 48


def test_better_says_when_other_images_could_turn_it_round() -> None:
    doubtful = replace(SEEN, two_level=ConfidenceInterval(-0.001, 0.043))
    found = verdict(doubtful, pairs=3)
    assert found.kind == "better"
    assert found.text.endswith(
        "Other test images could reverse it: over seeds and images together the interval is -0.1 "
        "to +4.3."
    )
    assert verdict(doubtful.mirrored(), pairs=3) == found
    assert "could reverse" not in verdict(SEEN, pairs=3).text
