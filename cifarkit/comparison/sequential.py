"""A test of two variants that allows a look after every seed.

Every look spends a part of the error (Lan and DeMets 1983, Biometrika 70, 659-663). What is far
enough is decided by permutation (Fisher 1935), so the accuracies may have any distribution.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cifarkit.errors import DataError
from cifarkit.evaluation.intervals import ConfidenceInterval

__all__ = ["MOST_SEEDS", "SequentialTest", "first_look", "sequential_interval", "sequential_test"]

MOST_SEEDS = 12
# The first look may spend so much of the error, and each later one this part of what is left.
FIRST_SHARE, LATER_SHARE = 0.6, 0.15
ARRANGEMENTS = 20_000  # the observed one and random ones
# Statistics closer than this differ only by rounding, and so do accuracies with squares below it.
ROUNDING, NO_SCATTER = 1e-9, 1e-15
HALVINGS, REACH = 25, 8  # of the search for an end of an interval; its range in spreads of the data

Array = np.ndarray[Any, np.dtype[np.float64]]


class SequentialTest(NamedTuple):
    """The result of the looks, up to the decision or to the last seed.

    Attributes:
        n: the seeds at the last look.
        p: the probability that equal variants are told apart earlier, or differ as much at this
            look. Without a decision, the error that is left for later looks is added, so that p is
            above alpha.
        p_error: the Monte Carlo standard error of p.
        is_decided: whether the two were told apart.
        is_ahead: whether the first one has the higher mean.
    """

    n: int
    p: float
    p_error: float
    is_decided: bool
    is_ahead: bool


def first_look(alpha: float) -> int:
    """Return the fewest seeds that can tell two variants apart.

    With fewer, the two orders in which all results of one are above all of the other are too
    probable.

    Args:
        alpha: the error that is allowed, in (0, 1).

    Raises:
        DataError: alpha is out of range.

    >>> [first_look(0.05 / pairs) for pairs in (1, 3, 6)]
    [4, 5, 6]
    """
    if not 0 < alpha < 1:
        raise DataError(f"alpha must lie in (0, 1), found {alpha!r}")
    return next(n for n in itertools.count(2) if 2 / math.comb(2 * n, n) <= FIRST_SHARE * alpha)


def sequential_test(a: ArrayLike, b: ArrayLike, *, alpha: float = 0.05) -> SequentialTest:
    """Look at two variants after every seed, until they are told apart.

    If the variants are equal and their runs independent, then up to the first look every
    arrangement of the results into pairs of a and b is as probable as any other. Afterwards both
    orders of each new pair are. At every look the arrangements that differ most are rejected, as
    many as the error spent by then allows. The variants are told apart when the observed
    arrangement is rejected. So all looks together are wrong with a probability of at most alpha.
    The observed arrangement counts among the random ones, which keeps this exact (Phipson and Smyth
    2010, https://arxiv.org/abs/1603.05766). If runs of one seed are alike, the error is smaller.

    Args:
        a: accuracies of the first variant, one per seed, in the order of training.
        b: those of the second variant, with the same seeds.
        alpha: the error that is allowed over all looks, in (0, 1).

    Raises:
        DataError: the lengths differ, a number is not finite, or alpha is out of range.

    >>> found = sequential_test([0.74, 0.75, 0.74, 0.76, 0.70], [0.72, 0.71, 0.70, 0.72, 0.74])
    >>> found.n, round(found.p, 2), found.is_decided, found.is_ahead
    (4, 0.01, True, True)
    """
    first, second = _paired(a, b)
    block, n = first_look(alpha), len(first)
    is_ahead = bool(first.sum() > second.sum())
    if n < block:
        return SequentialTest(n, 1.0, 0.0, is_decided=False, is_ahead=is_ahead)
    rejected = np.zeros(ARRANGEMENTS, bool)
    for n, looked in enumerate(_looks(first, second, block), start=block):
        spent = alpha * (1 - (1 - FIRST_SHARE) * (1 - LATER_SHARE) ** (n - block))
        statistic = np.where(rejected, -1.0, looked)
        earlier = int(rejected.sum())
        allowed = math.floor(spent * ARRANGEMENTS) - earlier
        as_far = int(np.count_nonzero(statistic >= statistic[0] - ROUNDING))
        if is_decided := as_far <= allowed:
            break
        limit = np.partition(statistic, -allowed - 1)[-allowed - 1]
        rejected |= statistic > limit + ROUNDING
    p = min(1.0, (earlier + as_far) / ARRANGEMENTS + (0.0 if is_decided else alpha - spent))
    is_ahead = bool(first[:n].sum() > second[:n].sum())
    return SequentialTest(n, p, math.sqrt(p * (1 - p) / ARRANGEMENTS), is_decided, is_ahead)


def sequential_interval(a: ArrayLike, b: ArrayLike) -> ConfidenceInterval | None:
    """Return a 95 % interval of the mean difference that stays right however the study stops.

    It holds the differences that no look has rejected (repeated confidence intervals: Jennison and
    Turnbull 1989, Journal of the Royal Statistical Society B 51, 305-361). So it is wider than
    Student's, which would be too narrow for a study that stopped because of what it saw.

    Args:
        a: accuracies of the first variant, one per seed, in the order of training.
        b: those of the second variant, with the same seeds.

    Returns:
        The interval; None where there are too few seeds for a look.

    Raises:
        DataError: the lengths differ, or a number is not finite.

    >>> print(sequential_interval([0.74, 0.75, 0.74, 0.76], [0.71, 0.72, 0.70, 0.72]).in_points())
    +2.1 to +5.4
    """
    first, second = _paired(a, b)
    if len(first) < first_look(0.05):
        return None
    middle = float((first - second).mean())
    reach = REACH * float(np.ptp(first) + np.ptp(second))

    def is_above(difference: float) -> bool:
        found = sequential_test(first - difference, second)
        return found.is_decided and found.is_ahead

    def is_below(difference: float) -> bool:
        found = sequential_test(first - difference, second)
        return found.is_decided and not found.is_ahead

    return ConfidenceInterval(
        _end(is_above, middle, middle - reach), _end(is_below, middle, middle + reach)
    )


def _looks(first: Array, second: Array, block: int) -> Iterator[Array]:
    """Yield the statistic of every arrangement, the observed one first, at each look.

    It is the squared difference of the sums over the scatter around the common mean. Products of
    the two deviations of a pair are taken off the scatter, as runs of one seed may be alike.
    """
    chance = np.random.default_rng(0)
    values = np.concatenate([first[:block], second[:block]])
    first, second = first - values.mean(), second - values.mean()
    values = np.sort(values - values.mean())  # a and b may change places
    orders = _orders(block)
    one, other = values[orders[:, :block]], values[orders[:, block:]]
    one[0], other[0] = first[:block], second[:block]
    gaps, products = (one - other).sum(axis=1), (one * other).sum(axis=1)
    for n in range(block, len(first) + 1):
        if n > block:
            signs = chance.choice((-1.0, 1.0), ARRANGEMENTS)
            gap = first[n - 1] - second[n - 1]
            gaps += np.where(np.arange(ARRANGEMENTS) == 0, gap, signs * abs(gap))
            products += first[n - 1] * second[n - 1]
        seen = np.concatenate([first[:n], second[:n]])
        scatter = (seen**2).sum() - seen.sum() ** 2 / (4 * n) - products
        empty = np.zeros(ARRANGEMENTS)
        yield np.divide(gaps**2, scatter, out=empty, where=scatter > NO_SCATTER)


@lru_cache(maxsize=8)
def _orders(block: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return random orders of two variants' results, one row an arrangement."""
    rows = np.tile(np.arange(2 * block), (ARRANGEMENTS, 1))
    return np.random.default_rng(1).permuted(rows, axis=1)


def _end(is_outside: Callable[[float], bool], inside: float, outside: float) -> float:
    """Find where an interval ends, from a difference in it and one outside, by halving."""
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if is_outside(middle) else (middle, outside)
    return outside


def _paired(a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    first, second = (np.asarray(values, np.float64).reshape(-1) for values in (a, b))
    if len(first) != len(second) or not np.isfinite([first, second]).all():
        raise DataError(
            "a sequential test needs finite accuracies of two variants for the same seeds, found "
            f"{first.tolist()} and {second.tolist()}"
        )
    return first, second
