"""Every pair of variants in a comparison, over the seeds that both have."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from cifarkit.comparison.differences import difference_interval, difference_test, same_p
from cifarkit.comparison.power import detectable_difference, smallest_p
from cifarkit.comparison.sequential import sequential_interval, sequential_test
from cifarkit.comparison.statistics import McNemar, holm, mcnemar
from cifarkit.comparison.two_levels import least_sd, two_level_interval
from cifarkit.errors import DataError
from cifarkit.evaluation.intervals import ConfidenceInterval

__all__ = ["Pair", "compare_pairs"]


@dataclass(frozen=True)
class Pair:
    """Two variants compared over the seeds that both have; accuracies are fractions.

    Args:
        a: name of the first variant.
        b: name of the second variant.
        n: how many seeds both have.
        difference: the mean of a - b over these seeds; nan where there are none.
        interval: the interval of the difference over seeds; None for fewer than two seeds. With a
            look after every seed, the interval of the sequential test.
        two_level: the interval of the difference over seeds and test images together. With one
            seed, it is over images only; None without seeds, or with a look after every seed.
        p: the p-value of the difference over seeds, by `difference_test`, or by the sequential
            test; 1 without seeds.
        p_error: the Monte Carlo standard error of p, 0 where exact.
        p_holm: p adjusted for all pairs of the comparison.
        wins: seeds in which a was ahead.
        losses: seeds in which b was ahead.
        same_answers: whether they were right and wrong on the same images in every run.
        detectable: the difference that this test on these seeds finds with 80 % probability; None
            where so few seeds can find none.
        changed: what differs between them, `{factor: (b's, a's)}`.
        mcnemar: McNemar's test of the two networks, where there is only one seed.
        margin: the difference within which they count as the same; None without one.
        p_same: p of the claim that they are the same within the margin, adjusted for all pairs;
            None without a margin.

    >>> right = np.arange(9) < 5
    >>> accuracies = {"a": {0: 5 / 9}, "b": {0: 5 / 9}}
    >>> answers = {"a": {0: right}, "b": {0: right}}
    >>> (pair,) = compare_pairs(accuracies, answers, lambda a, b: {})
    >>> pair.mirrored().a, pair.mcnemar
    ('b', McNemar(only_a=0, only_b=0, p=1.0))
    """

    a: str
    b: str
    n: int
    difference: float
    interval: ConfidenceInterval | None
    two_level: ConfidenceInterval | None
    p: float
    p_error: float
    p_holm: float
    wins: int
    losses: int
    same_answers: bool
    detectable: float | None
    changed: Mapping[str, tuple[Any, Any]]
    mcnemar: McNemar | None = None
    margin: float | None = None
    p_same: float | None = None

    def mirrored(self) -> Pair:
        """Return the same pair with b named first."""
        return replace(
            self,
            a=self.b,
            b=self.a,
            difference=-self.difference,
            interval=_mirrored(self.interval),
            two_level=_mirrored(self.two_level),
            wins=self.losses,
            losses=self.wins,
            changed={factor: (ours, theirs) for factor, (theirs, ours) in self.changed.items()},
            mcnemar=self.mcnemar
            and McNemar(self.mcnemar.only_b, self.mcnemar.only_a, self.mcnemar.p),
        )


def compare_pairs(
    accuracies: Mapping[str, Mapping[int, float]],
    correct: Mapping[str, Mapping[int, Any]],
    changed: Callable[[str, str], Mapping[str, tuple[Any, Any]]],
    *,
    margin: float | None = None,
    until_decided: bool = False,
) -> tuple[Pair, ...]:
    """Compare every two variants over the seeds that both have.

    The order of the variants only decides which is a and which is b.

    Args:
        accuracies: the accuracies on test, `{variant: {seed: fraction}}`.
        correct: bool `images`, whether each test image was classified correctly,
            `{variant: {seed: …}}`.
        changed: called with two names, gives `{factor: (the second's, the first's)}`, as
            `get_variant(first).differs_from(get_variant(second))` does.
        margin: of the claim that two variants are the same, as a fraction; None for no such claim,
            as with a look after every seed.
        until_decided: whether there was a look after every seed; a pair is then compared over its
            seeds up to the decision, by the sequential test and its interval.

    Returns:
        One pair for every two variants, in their order; p is adjusted over all pairs.

    Raises:
        DataError: `correct` lacks a run that has an accuracy, or two runs were tested on different
            images.

    >>> right = {name: {0: np.arange(9) < 5, 1: np.arange(9) < 7} for name in ("wide", "narrow")}
    >>> accuracies = {"wide": {0: 5 / 9, 1: 7 / 9}, "narrow": {0: 5 / 9, 1: 7 / 9}}
    >>> (pair,) = compare_pairs(accuracies, right, lambda a, b: {"width": (32, 64)})
    >>> pair.n, pair.difference, pair.p, pair.same_answers
    (2, 0.0, 1.0, True)
    """
    _check_answers(accuracies, correct)
    names = list(itertools.combinations(accuracies, 2))
    compared = _pair_until_decided if until_decided else partial(_pair, margin=margin)
    pairs = [
        compared(a, b, accuracies, correct, alpha=0.05 / len(names), changed=changed(a, b))
        for a, b in names
    ]
    adjusted = holm([pair.p for pair in pairs])
    pairs = [replace(pair, p_holm=p) for pair, p in zip(pairs, adjusted, strict=True)]
    same = [pair.p_same for pair in pairs if pair.p_same is not None]
    if not same:
        return tuple(pairs)
    return tuple(replace(pair, p_same=p) for pair, p in zip(pairs, holm(same), strict=True))


def _pair(
    a: str,
    b: str,
    accuracies: Mapping[str, Mapping[int, float]],
    correct: Mapping[str, Mapping[int, Any]],
    *,
    alpha: float,
    changed: Mapping[str, tuple[Any, Any]],
    margin: float | None,
) -> Pair:
    """Compare two variants over their seeds; no p is adjusted yet."""
    seeds = sorted(accuracies[a].keys() & accuracies[b].keys())
    n, unclaimed = len(seeds), None if margin is None else 1.0
    if n == 0:
        nothing = (float("nan"), None, None, 1.0, 0.0, 1.0, 0, 0, False, None)
        return Pair(a, b, 0, *nothing, changed, margin=margin, p_same=unclaimed)
    differences = np.array([accuracies[a][seed] - accuracies[b][seed] for seed in seeds])
    right_a, right_b = (np.stack([correct[name][seed] for seed in seeds]) for name in (a, b))
    least = least_sd(right_a, right_b)
    test = difference_test(differences, least_sd=least)
    return Pair(
        a=a,
        b=b,
        n=n,
        difference=float(differences.mean()),
        interval=difference_interval(differences, least_sd=least),
        two_level=two_level_interval(right_a, right_b),
        p=test.p,
        p_error=test.error,
        p_holm=test.p,
        wins=int((differences > 0).sum()),
        losses=int((differences < 0).sum()),
        same_answers=np.array_equal(right_a, right_b),
        detectable=detectable_difference(differences.std(ddof=1), n, alpha=alpha)
        if smallest_p(n) < alpha
        else None,
        changed=changed,
        mcnemar=mcnemar(right_a[0], right_b[0]) if n == 1 else None,
        margin=margin,
        p_same=unclaimed if margin is None else same_p(differences, margin, least_sd=least),
    )


def _pair_until_decided(
    a: str,
    b: str,
    accuracies: Mapping[str, Mapping[int, float]],
    correct: Mapping[str, Mapping[int, Any]],
    *,
    alpha: float,
    changed: Mapping[str, tuple[Any, Any]],
) -> Pair:
    """Compare two variants up to the seed that decides; p is not yet adjusted."""
    seeds = sorted(accuracies[a].keys() & accuracies[b].keys())
    first, second = ([accuracies[name][seed] for seed in seeds] for name in (a, b))
    test = sequential_test(first, second, alpha=alpha)
    seen = {name: {seed: accuracies[name][seed] for seed in seeds[: test.n]} for name in (a, b)}
    return replace(
        _pair(a, b, seen, correct, alpha=alpha, changed=changed, margin=None),
        interval=sequential_interval(first[: test.n], second[: test.n]),
        two_level=None,
        p=test.p,
        p_error=test.p_error,
        p_holm=test.p,
        detectable=None,
        mcnemar=None,
    )


def _mirrored(span: ConfidenceInterval | None) -> ConfidenceInterval | None:
    return None if span is None else ConfidenceInterval(-span.high, -span.low)


def _check_answers(
    accuracies: Mapping[str, Mapping[int, float]], correct: Mapping[str, Mapping[int, Any]]
) -> None:
    images: dict[int, str] = {}
    for name, seeds in accuracies.items():
        for seed in seeds:
            if seed not in correct.get(name, {}):
                raise DataError(
                    f"the accuracy of {name!r} with seed {seed} has no correct images; "
                    "give `predicted == labels` for every run, or leave the run out"
                )
            images.setdefault(len(correct[name][seed]), f"{name!r} with seed {seed}")
    if len(images) > 1:
        found = ", ".join(f"{run} on {count} images" for count, run in images.items())
        raise DataError(
            f"runs can only be compared on the same test images, found {found}; leave out the runs "
            "of another data set"
        )
