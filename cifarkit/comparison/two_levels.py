"""An interval over both kinds of chance: other seeds, and other test images."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from cifarkit.comparison.differences import difference_interval
from cifarkit.errors import DataError
from cifarkit.evaluation.intervals import ConfidenceInterval

__all__ = ["least_sd", "two_level_interval"]


def two_level_interval(correct_a: Any, correct_b: Any) -> ConfidenceInterval:
    """Return a 95 % interval of a difference in accuracy, over seeds and test images together.

    Other seeds and other test images would have given another difference. The interval over seeds
    is that of `difference_interval`. The part of the images is what a bootstrap that draws seeds
    and images would find with infinitely many draws (Owen 2007, The pigeonhole bootstrap, Annals
    of Applied Statistics 1, 386-411), less the chance in single predictions, which both contain.
    Each side's two distances from the mean are added as squares (MOVER: Zou and Donner 2008,
    Statistics in Medicine 27, 1693-1702).

    With one seed the interval is over test images only.

    Args:
        correct_a: bool `seeds images`, whether the first variant was right.
        correct_b: the same for the second variant, with seeds and images in the same order.

    Raises:
        DataError: they are not bool arrays of the same shape, with a seed and two images or more.

    >>> right = np.random.default_rng(0).random((2, 3, 1000)) < [[[0.75]], [[0.70]]]
    >>> two_level_interval(right[0], right[1]).in_points()
    '-7.9 to +17.0'
    """
    gained = _gained(correct_a, correct_b)
    mean = int(gained.sum()) / gained.size
    levels = _Levels.of(gained)
    images = max(levels.images - levels.predictions, 0.0)
    reach = float(stats.t.ppf(0.975, gained.shape[1] - 1)) * math.sqrt(images)
    seeds = difference_interval(gained.mean(axis=1), least_sd=_sd_of_predictions(gained))
    if seeds is None:
        return ConfidenceInterval(mean - reach, mean + reach)
    return ConfidenceInterval(
        mean - math.hypot(mean - seeds.low, reach), mean + math.hypot(seeds.high - mean, reach)
    )


def least_sd(correct_a: Any, correct_b: Any) -> float:
    """Return the sd of differences over seeds that the chance in single predictions gives.

    Two seeds whose networks differ in single predictions can have the same accuracy by accident.
    This sd shows that they do not always.

    Args:
        correct_a: bool `seeds images`, whether the first variant was right.
        correct_b: the same for the second variant, with seeds and images in the same order.

    Returns:
        A fraction; 0 for one seed, or if every seed gains and loses the same images.

    Raises:
        DataError: they are not bool arrays of the same shape, with a seed and two images or more.

    >>> a, b = np.array([[True, False], [False, True]]), np.zeros((2, 2), bool)
    >>> round(least_sd(a, b), 2)
    0.71
    """
    return _sd_of_predictions(_gained(correct_a, correct_b))


def _sd_of_predictions(gained: np.ndarray[Any, np.dtype[np.int64]]) -> float:
    return math.sqrt(_Levels.of(gained).predictions * len(gained)) if len(gained) > 1 else 0.0


def _gained(correct_a: Any, correct_b: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    a, b = np.asarray(correct_a), np.asarray(correct_b)
    if a.dtype != bool or b.dtype != bool or a.ndim != 2 or a.shape != b.shape:
        found = f"{a.dtype} {a.shape} and {b.dtype} {b.shape}"
    elif a.shape[0] < 1 or a.shape[1] < 2:
        found = f"{a.shape[0]} seeds of {a.shape[1]} images"
    else:
        gained: np.ndarray[Any, np.dtype[np.int64]] = a.astype(np.int64) - b
        return gained
    raise DataError(
        "the interval needs bool `seeds images` of two variants, 1 seed and 2 images at least, "
        f"found {found}; give `predicted == labels` of both on the same seeds and images"
    )


class _Levels(NamedTuple):
    """Variances of the mean: between images, and of single predictions, which is a part of it."""

    images: float
    predictions: float

    @classmethod
    def of(cls, gained: np.ndarray[Any, np.dtype[np.int64]]) -> _Levels:
        seeds, images = gained.shape
        # Sums of whole numbers are exact: exchanging a and b mirrors the interval bit by bit.
        common = int(gained.sum()) ** 2 / gained.size
        between_seeds = int((gained.sum(axis=1) ** 2).sum()) / images - common
        between_images = int((gained.sum(axis=0) ** 2).sum()) / seeds - common
        rest = int((gained**2).sum()) - common - between_seeds - between_images
        image_level = max(between_images, 0.0) / (images - 1) / gained.size  # may round below 0
        if seeds == 1:
            return cls(image_level, 0.0)
        return cls(image_level, max(rest, 0.0) / ((seeds - 1) * (images - 1)) / gained.size)
