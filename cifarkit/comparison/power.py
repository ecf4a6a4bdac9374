"""Statistical power: what a study with a number of seeds can find, and what it cannot."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from cifarkit.comparison.differences import LEVEL
from cifarkit.errors import DataError

__all__ = ["detectable_difference", "power_of", "seeds_for", "seeds_needed", "smallest_p"]

STUDIES = 6_000  # simulated for each number of seeds
MOST_SIMULATED = 13  # seeds; with more, the sign flips hardly ever keep p above alpha
BATCH = 500  # studies at a time


def smallest_p(n: int) -> float:
    """Return the smallest p that the sign-flip test can give on n seeds: two patterns of 2^n.

    >>> smallest_p(5), smallest_p(6)
    (0.0625, 0.03125)
    """
    return min(1.0, 2.0 ** (1 - n))


def seeds_needed(pairs: int, alpha: float = 0.05) -> int:
    """Return the fewest seeds whose smallest p stays below alpha after Holm over the pairs.

    Args:
        pairs: how many pairs of variants are compared, 1 or more.
        alpha: what the adjusted p must stay below, in (0, 1).

    Raises:
        DataError: there is no pair, or alpha is out of range.

    >>> seeds_needed(1), seeds_needed(6)
    (6, 8)
    """
    if pairs < 1 or not 0 < alpha < 1:
        raise DataError(
            f"pairs must be 1 or more and alpha lie in (0, 1), found {pairs!r} and {alpha!r}"
        )
    n = 1
    while pairs * smallest_p(n) >= alpha:
        n += 1
    return n


def detectable_difference(sd: float, n: int, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the difference that `difference_test` on n seeds finds with some probability.

    A smaller difference may well be missed. The differences of the seeds are taken as normally
    distributed.

    Args:
        sd: the standard deviation of the paired differences over seeds, as a fraction.
        n: seeds, enough for a p below alpha.
        alpha: the p below which a difference counts, divided by the number of pairs compared.
        power: the probability, above alpha and below 1; Cohen 1988 asks for .8.

    Returns:
        The difference, 0 or more, as a fraction.

    Raises:
        DataError: sd, n, alpha or power is out of range.

    >>> round(detectable_difference(0.004, 8), 4)
    0.0064
    """
    _check(sd, alpha, power)
    if smallest_p(n) >= alpha:
        raise DataError(
            f"with n={n!r} seeds no p is below alpha={alpha!r}; give {seeds_needed(1, alpha)} or "
            "more"
        )
    if n <= MOST_SIMULATED:
        return max(0.0, float(np.quantile(_thresholds(n, alpha), power))) * sd

    def excess(shift: float) -> float:
        return _power_of_t(shift, n, alpha) - power

    return float(optimize.brentq(excess, 0.0, 10.0)) * sd


def power_of(difference: float, sd: float, n: int, *, alpha: float = 0.05) -> float:
    """Return the probability that `difference_test` on n seeds finds a difference.

    Args:
        difference: the true mean of the paired differences, as a fraction.
        sd: their standard deviation over seeds, as a fraction.
        n: seeds, 1 or more.
        alpha: the p below which a difference counts, divided by the number of pairs compared.

    Raises:
        DataError: sd or alpha is out of range.

    >>> round(power_of(0.01, 0.01, 10), 1), power_of(0.01, 0.01, 5)
    (0.5, 0.0)
    """
    _check(sd, alpha)
    if smallest_p(n) >= alpha:
        return 0.0
    if sd == 0:
        return float(difference != 0)
    shift = abs(difference) / sd
    if n > MOST_SIMULATED:
        return _power_of_t(shift, n, alpha)
    thresholds = _thresholds(n, alpha)
    return float(np.mean(thresholds < shift) + np.mean(thresholds < -shift))  # on either side of 0


def seeds_for(difference: float, sd: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Return the fewest seeds with which `difference_test` finds a difference.

    Args:
        difference: the true mean of the paired differences, above 0, as a fraction.
        sd: their standard deviation over seeds, as a fraction.
        alpha: the p below which a difference counts, divided by the number of pairs compared.
        power: the probability of finding it, above alpha and below 1.

    Raises:
        DataError: an argument is out of range.

    >>> seeds_for(0.01, 0.009), seeds_for(0.01, 0.001), seeds_for(0.01, 0.03)
    (13, 6, 109)
    """
    _check(sd, alpha, power)
    if not difference > 0:
        raise DataError(f"difference must be above 0, found {difference!r}")

    def finds(n: int) -> bool:
        return detectable_difference(sd, n, alpha=alpha, power=power) <= difference

    low = high = seeds_needed(1, alpha)
    if finds(low):
        return low
    while not finds(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if finds(middle) else (middle, high)
    return high


@lru_cache(maxsize=64)
def _thresholds(n: int, alpha: float) -> NDArray[np.float64]:
    """Return the difference above which each of many simulated studies is significant, in sds.

    Adding a difference moves the interval, and changes neither its width nor the order of the sums.
    """
    # A study of n seeds begins with the seeds of a study of fewer.
    noise = np.random.default_rng(0).standard_normal((MOST_SIMULATED, STUDIES))[:n].T
    of_interval = _limit(n, alpha) * noise.std(axis=1, ddof=1) / math.sqrt(n) - noise.mean(axis=1)
    thresholds: NDArray[np.float64] = np.maximum(of_interval, _of_flips(noise, alpha))
    return thresholds


def _of_flips(noise: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Return the difference above which the sign flips of each study are significant.

    Flipping the signs of some seeds gives a sum as large as the one seen where the mean of these
    seeds is 0 or less. So a study finds a difference where few of these 2^n means are (Hartigan
    1969, Journal of the American Statistical Association 64, 1303-1317).
    """
    n = noise.shape[1]
    subsets = (np.arange(1, 2**n)[:, None] >> np.arange(n) & 1).astype(np.float32)
    subsets /= subsets.sum(axis=1, keepdims=True)
    count = math.ceil(alpha * 2.0 ** (n - 1)) - 1  # so many may be as far from 0, on one side
    found = [
        np.partition(part.astype(np.float32) @ subsets.T, count - 1)[:, count - 1]
        for part in np.array_split(noise, STUDIES // BATCH)
    ]
    return -np.concatenate(found).astype(np.float64)


def _limit(n: int, alpha: float) -> float:
    """Return the t above which p is below alpha."""
    return float(stats.t.isf(alpha * (1 - LEVEL) / 0.05 / 2, n - 1))


def _power_of_t(shift: float, n: int, alpha: float) -> float:
    # t squared is F: found on either side of 0. scipy's is wrong where the shift is exactly 0.
    return float(stats.ncf.sf(_limit(n, alpha) ** 2, 1, n - 1, max(n * shift**2, 1e-9)))


def _check(sd: float, alpha: float, power: Any = None) -> None:
    if not (math.isfinite(sd) and sd >= 0 and 0 < alpha < (1 if power is None else power) <= 1):
        found = f"sd={sd!r}, alpha={alpha!r}" + ("" if power is None else f", power={power!r}")
        raise DataError(f"sd must be 0 or more, and 0 < alpha < power < 1; found {found}")
