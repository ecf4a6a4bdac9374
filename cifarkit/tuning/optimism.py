"""How much too high the best of many trials is when all settings are equally good."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

__all__ = ["expected_maximum", "overstatement"]


def expected_maximum(count: int) -> float:
    """Return the mean of the largest of independent standard normal numbers.

    Args:
        count: how many numbers.

    >>> round(expected_maximum(20), 3)
    1.867
    """
    grid, step = np.linspace(-10, 10, 2_001, retstep=True)
    density = count * stats.norm.pdf(grid) * stats.norm.cdf(grid) ** (count - 1)
    return float((grid * density).sum() * step)


def overstatement(count: int, accuracy: float, images: int) -> float:
    """Return how much too high the best accuracy of equally good trials is.

    It counts the chance in the choice of the val pictures: each accuracy scatters like a share of
    `images` independent pictures. This is the bias of selection (Cawley and Talbot 2010, JMLR 11).
    The chance in training makes it larger. Trials that are right on the same pictures make it
    smaller.

    Args:
        count: how many trials.
        accuracy: the true accuracy of each, in [0, 1].
        images: how many pictures val has.

    >>> f"{100 * overstatement(20, 0.7, 1270):.1f} points"
    '2.4 points'
    """
    return expected_maximum(count) * math.sqrt(accuracy * (1 - accuracy) / images)
