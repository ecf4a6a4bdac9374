"""How far the differences between two variants scatter over seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import stats

__all__ = ["USUAL_SPREAD", "USUAL_TEST", "Spread", "differences_of_pairs", "pooled_spread"]


class Spread(NamedTuple):
    """The standard deviation of paired differences over seeds, as a fraction.

    Attributes:
        sd: the estimate.
        low: it may be as small as this.
        high: it may be as large as this.
        origin: where it is from, to be read after the number.
    """

    sd: float
    low: float
    high: float
    origin: str


# Held by tests/comparison/test_spread.py to docs/records/assignment.
USUAL_TEST = 10_000  # images
USUAL_SPREAD = Spread(
    0.007,
    0.0035,
    0.014,
    "as in cifarkit's own study. It compared baseline, batchnorm, augmented and deeper (8 seeds, "
    f"10 epochs, CIFAR-10 (JPEG-75 copy), {USUAL_TEST:,} test images)",
)


def differences_of_pairs(
    accuracies: Mapping[str, Mapping[int, float]],
) -> dict[tuple[str, str], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Return the differences of every two variants over the seeds that both have.

    Args:
        accuracies: `{variant: {seed: accuracy}}`.

    >>> differences_of_pairs({"wide": {0: 0.75, 1: 0.5}, "narrow": {0: 0.5}})
    {('wide', 'narrow'): array([0.25])}
    """
    return {
        (a, b): np.array(
            [
                accuracies[a][seed] - accuracies[b][seed]
                for seed in accuracies[a]
                if seed in accuracies[b]
            ]
        )
        for a, b in itertools.combinations(accuracies, 2)
    }


def pooled_spread(accuracies: Mapping[str, Mapping[int, float]]) -> Spread | None:
    """Return the spread of all pairs together, with its 80 % interval by chi-squared.

    One pair's sd from 8 seeds is off by a quarter. For variants that scatter alike, the mean
    variance of all pairs is off by less: for four, 3 x 7 degrees of freedom stand in place of 7.

    Args:
        accuracies: `{variant: {seed: accuracy}}`.

    Returns:
        The spread; None for fewer than 4 degrees of freedom.

    >>> pooled_spread({"a": {0: 0.5, 1: 0.6}, "b": {0: 0.5, 1: 0.7}}) is None
    True
    """
    pairs = [values for values in differences_of_pairs(accuracies).values() if len(values) > 1]
    variants = [name for name, runs in accuracies.items() if len(runs) > 1]
    weights = [len(values) - 1 for values in pairs]
    # The pairs of k variants share their runs: together they count as k - 1 pairs.
    freedom = 2 * sum(weights) / max(2, len(variants))
    if freedom < 4:
        return None
    variance = np.average([values.var(ddof=1) for values in pairs], weights=weights)
    runs = sum(map(len, accuracies.values()))
    low, high = (
        math.sqrt(variance * freedom / stats.chi2.ppf(level, freedom)) for level in (0.9, 0.1)
    )
    return Spread(math.sqrt(variance), low, high, f"from {runs} runs that are here already")
