"""Confidence intervals: how far a measured accuracy can be from the true one."""

from __future__ import annotations

import math
from typing import NamedTuple

from cifarkit.annotations import is_whole
from cifarkit.errors import DataError
from cifarkit.guidance import explains_arguments

__all__ = ["ConfidenceInterval", "wilson_interval"]

Z95 = 1.959963984540054  # the normal distribution's 97.5 % point


class ConfidenceInterval(NamedTuple):
    """A 95 % interval of an accuracy, or of the difference of two, as fractions.

    `str()` writes the interval of an accuracy, in per cent; `in_points` that of a difference.

    Attributes:
        low: the lower end.
        high: the upper end.

    >>> str(ConfidenceInterval(0.7214, 0.7388))
    '72.1 to 73.9 %'
    """

    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.low:.1f} to {100 * self.high:.1f} %"

    def in_points(self) -> str:
        """Return the text of the interval of a difference, in percentage points.

        >>> ConfidenceInterval(-0.0004, 0.012).in_points()
        '+0.0 to +1.2'
        """
        return f"{100 * self.low:+z.1f} to {100 * self.high:+z.1f}"

    def clipped(self) -> ConfidenceInterval:
        """Return the part of the interval that lies in [0, 1], as accuracies do.

        >>> ConfidenceInterval(0.9, 1.1).clipped().high
        1.0
        """
        return ConfidenceInterval(max(0.0, self.low), min(1.0, self.high))


@explains_arguments("ck.wilson_interval")
def wilson_interval(correct: int, n: int) -> ConfidenceInterval:
    """Return the 95 % score interval of a share: Wilson 1927, equation 3.

    Unlike the textbook's normal approximation, it stays inside [0, 1], and is right for few images
    and for shares near 0 and 1.

    Args:
        correct: how many images are classified correctly.
        n: how many images there are; with 0, nothing is known and the interval is all of [0, 1].

    Raises:
        DataError: they are not whole numbers, or `correct` is not from 0 to `n`.

    >>> wilson_interval(73, 100)
    ConfidenceInterval(low=0.635..., high=0.807...)
    """
    if not is_whole(correct) or not is_whole(n) or not 0 <= correct <= n:
        raise DataError(
            f"correct and n must be whole numbers, correct from 0 to n; found {correct!r} and {n!r}"
        )
    correct, n = int(correct), int(n)  # NumPy's small integers would overflow below
    if n == 0:
        return ConfidenceInterval(0.0, 1.0)
    share, z2 = correct / n, Z95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    # The share itself always lies inside; at 0 and 1 it is the end, which rounding could miss.
    low, high = min(centre - reach, share), max(centre + reach, share)
    return ConfidenceInterval(low, high).clipped()
