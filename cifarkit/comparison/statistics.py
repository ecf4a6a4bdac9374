"""Intervals and tests of paired numbers.

Accuracies and their differences are fractions. Every interval is 95 %, and every test two-sided,
except `t_test_above`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from cifarkit.errors import DataError
from cifarkit.evaluation.intervals import ConfidenceInterval

__all__ = [
    "McNemar",
    "PValue",
    "finite",
    "holm",
    "mcnemar",
    "sign_flip_test",
    "t_interval",
    "t_test_above",
]

# Patterns are drawn where there are more than this: 16 seeds have 65,536, and 17 have 131,072.
SIGN_PATTERNS = 99_999
# As a share of the largest possible sum. Sums closer than this differ only by rounding: accuracies
# on up to a million images differ by more.
ROUNDING = 1e-9


class PValue(NamedTuple):
    """The result of a test: `p`, and its Monte Carlo standard error, 0 if exact."""

    p: float
    error: float


class McNemar(NamedTuple):
    """Images on which only one of two networks was right, and the exact p of that split."""

    only_a: int
    only_b: int
    p: float


def finite(values: ArrayLike) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return accuracies or their differences as an array `n`.

    Raises:
        DataError: a value is not finite.

    >>> finite([0.71, 0.72])
    array([0.71, 0.72])
    """
    numbers = np.asarray(values, np.float64).reshape(-1)
    if not np.isfinite(numbers).all():
        raise DataError(
            f"accuracies must be finite, found {numbers[~np.isfinite(numbers)][0]}; "
            "leave out the runs without an accuracy"
        )
    return numbers


def t_interval(values: ArrayLike) -> ConfidenceInterval | None:
    """Return Student's 95 % interval of a mean: mean -+ t sd / sqrt(n).

    Args:
        values: accuracies of one variant, one per seed.

    Returns:
        The interval; None for fewer than two values, which do not show how far they spread.

    Raises:
        DataError: a value is not finite.

    >>> t_interval([0.71, 0.72, 0.74])
    ConfidenceInterval(low=0.685..., high=0.761...)
    """
    numbers = finite(values)
    n = len(numbers)
    if n < 2:
        return None
    mean = float(numbers.mean())
    reach = float(stats.t.ppf(0.975, n - 1) * numbers.std(ddof=1) / math.sqrt(n))
    return ConfidenceInterval(mean - reach, mean + reach)


def t_test_above(values: ArrayLike, bound: float, *, step: float) -> float:
    """Return the one-sided p that a mean is no higher than a bound: Student's t-test.

    Accuracies are counted in whole images, so a few of them may be equal by chance, with a standard
    deviation of 0. That of rounding to a whole image, step / sqrt(12), is the least that is used.

    Args:
        values: accuracies of one variant, one per seed; two or more.
        bound: the accuracy that the mean must exceed.
        step: the least difference of two accuracies, 1 / images.

    Raises:
        DataError: there are fewer than two values, or one is not finite.

    >>> t_test_above([0.881, 0.883, 0.882], 0.88, step=1e-4)
    0.0370...
    """
    numbers = finite(values)
    n = len(numbers)
    if n < 2:
        raise DataError(f"a t-test needs two or more accuracies, found {n}; train more seeds")
    sd = max(float(numbers.std(ddof=1)), step / math.sqrt(12))
    return float(stats.t.sf((float(numbers.mean()) - bound) / (sd / math.sqrt(n)), n - 1))


def sign_flip_test(differences: ArrayLike, *, seed: int = 0) -> PValue:
    """Return how often chance alone gives such a mean difference (Fisher 1935, section 21).

    If two variants are equal and scatter in the same way, each seed's difference could as well have
    the other sign. p is the share of all 2^n sign patterns with a sum at least as far from 0. Above
    16 seeds it is the share of 99,999 random patterns. There the observed pattern counts, too
    (Phipson and Smyth 2010, https://arxiv.org/abs/1603.05766), so p is never 0.

    Args:
        differences: paired, one per seed.
        seed: the seed of the random patterns.

    Raises:
        DataError: there is no difference, or one is not finite.

    >>> sign_flip_test([0.021, 0.018, 0.025, 0.019, 0.022])
    PValue(p=0.0625, error=0.0)
    """
    numbers = finite(differences)
    if not len(numbers):
        raise DataError(
            "a test needs at least one paired difference, found none; "
            "give one per seed that both variants have"
        )
    if len(numbers) == 1:
        return PValue(1.0, 0.0)  # both signs are as far from 0; scipy needs two or more
    flipped = stats.permutation_test(
        (numbers,),
        _absolute_sum,
        permutation_type="samples",
        alternative="greater",
        n_resamples=SIGN_PATTERNS,
        batch=10_000,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    # scipy's margin is a share of the observed sum, which is too narrow if the sum is nearly 0.
    margin = ROUNDING * float(np.abs(numbers).sum())
    sums = flipped.null_distribution
    as_far = int(np.count_nonzero(sums >= flipped.statistic - margin))
    if len(sums) == 2 ** len(numbers):
        return PValue(as_far / len(sums), 0.0)
    p = (as_far + 1) / (len(sums) + 1)
    return PValue(p, math.sqrt(p * (1 - p) / len(sums)))


def holm(ps: Sequence[float]) -> list[float]:
    """Adjust several p-values together: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.

    If every difference below .05 is called real, at most 5 % of studies contain a wrong one.

    Args:
        ps: one per pair, in any order; the result has the same order.

    Raises:
        DataError: a p-value is not in [0, 1].

    >>> holm([0.04, 0.01, 0.5])
    [0.08, 0.03, 0.5]
    """
    if wrong := [p for p in ps if not 0 <= p <= 1]:
        raise DataError(f"p-values must lie in [0, 1], found {wrong[0]!r}")
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = highest
    return adjusted


def mcnemar(correct_a: Any, correct_b: Any) -> McNemar:
    """Compare two networks on the images where only one is right: McNemar 1947, exact.

    The result is about these two networks, not about their variants: another seed would give
    another network, and p does not include how much seeds differ.

    Args:
        correct_a: bool `images`, whether the first network was right.
        correct_b: the same for the second network, in the same order.

    Raises:
        DataError: they are not bool arrays of the same length.

    >>> a = np.array([True, True, True, True, False])
    >>> mcnemar(a, np.array([False, False, False, True, True]))
    McNemar(only_a=3, only_b=1, p=0.625)
    """
    a, b = np.asarray(correct_a), np.asarray(correct_b)
    if a.dtype != bool or b.dtype != bool or a.ndim != 1 or a.shape != b.shape:
        raise DataError(
            f"McNemar's test needs bool `images` of two networks, found {a.dtype} {a.shape} and "
            f"{b.dtype} {b.shape}; give `predicted == labels` of both on the same images"
        )
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    if only_a == only_b:
        return McNemar(only_a, only_b, 1.0)
    # The smaller count: then exchanging a and b gives the same p bit by bit.
    p = stats.binomtest(min(only_a, only_b), only_a + only_b).pvalue
    return McNemar(only_a, only_b, float(p))


def _absolute_sum(values: Any, axis: int) -> Any:
    return np.abs(np.sum(values, axis=axis))
