"""Find runs that failed: their accuracy is far below the accuracies of the other seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["collapsed_runs"]

FEWEST = 5  # with fewer seeds, chance alone often puts one apart
GAP = 0.01  # of accuracy; a smaller gap matters little
FACTOR = 3.0  # times the range of all the others, and the standard error of one accuracy


def collapsed_runs(accuracies: Sequence[float], images: int) -> int:
    """Return how many runs of one variant ended far below the others; 0 for fewer than 5 runs.

    The lowest runs, at most a third of them, have collapsed if the gap above them is three times
    the range of the others, and more than one point. The mean then describes no run. The gap must
    also be three times what the test images scatter: on few images, runs can tie by chance.

    Args:
        accuracies: the accuracies of one variant, one per seed, in [0, 1].
        images: how many test images there are.

    >>> collapsed_runs([0.724, 0.731, 0.728, 0.100, 0.722, 0.730], images=10_000)
    1
    >>> collapsed_runs([0.724, 0.731, 0.728, 0.719, 0.722, 0.730], images=10_000)
    0
    """
    ordered = sorted(accuracies)
    if len(ordered) < FEWEST:
        return 0
    for count in range(len(ordered) // 3, 0, -1):
        lowest, others = ordered[:count], ordered[count:]
        middle = others[len(others) // 2]
        scatter = max(others[-1] - others[0], math.sqrt(middle * (1 - middle) / images))
        if others[0] - lowest[-1] > max(GAP, FACTOR * scatter):
            return count
    return 0
