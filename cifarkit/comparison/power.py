"""Statistical power: what a study with a number of seeds can find, and what it cannot."""

from __future__ import annotations

import math

from scipy import optimize, stats

from cifarkit.errors import DataError

__all__ = ["detectable_difference", "seeds_needed", "smallest_p"]


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
    """Return the difference that a paired t-test on n seeds finds with some probability.

    A smaller difference may well be missed. With the fewest seeds (`seeds_needed`), all of them
    must point the same way: the sign-flip test then finds the difference in 63 % of studies, the
    t-test in 80 %. With two seeds more, or more still, they differ little (simulated in the tests).

    Args:
        sd: the standard deviation of the paired differences over seeds, as a fraction.
        n: seeds, 2 or more.
        alpha: the p below which a difference counts, divided by the number of pairs compared.
        power: the probability, above alpha and below 1; Cohen 1988 asks for .8.

    Returns:
        The difference, 0 or more, as a fraction.

    Raises:
        DataError: sd, n, alpha or power is out of range.

    >>> round(detectable_difference(0.004, 8), 4)
    0.0046
    """
    if not (math.isfinite(sd) and sd >= 0 and n >= 2 and 0 < alpha < power < 1):
        raise DataError(
            f"sd must be 0 or more, n 2 or more, and 0 < alpha < power < 1; found sd={sd!r}, "
            f"n={n!r}, alpha={alpha!r}, power={power!r}"
        )
    limit = stats.t.ppf(1 - alpha / 2, n - 1)

    def missing(shift: float) -> float:
        # t squared is F: found on either side of 0.
        return float(stats.ncf.sf(limit**2, 1, n - 1, shift**2)) - power

    high = 1.0
    while missing(high) < 0:
        high *= 2
    return float(optimize.brentq(missing, 0.0, high)) * sd / math.sqrt(n)
