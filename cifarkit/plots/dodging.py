"""Move labels in a column so that they do not overlap."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["dodge"]


def dodge(
    wanted: Sequence[float], heights: Sequence[float], low: float, high: float
) -> list[float]:
    """Move labels up and down as little as possible, so that they do not overlap.

    Labels that would touch form a block around the mean of the positions they wanted, so the sum of
    the squared moves is the least possible: the pool-adjacent-violators algorithm.

    Args:
        wanted: the middle of each label.
        heights: the height of each label, in the same unit.
        low: the lower end of the column.
        high: its upper end; where the column is too short, labels overhang below.

    Returns:
        The middles, in the order given.

    >>> dodge([5.0, 5.0, 9.0], [2.0, 2.0, 2.0], 0.0, 10.0)
    [4.0, 6.0, 9.0]
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    # A block is its labels, from the lowest up, and the sum of the bottoms they wanted.
    blocks: list[tuple[list[int], float]] = []
    for index in order:
        labels, total = [index], wanted[index] - heights[index] / 2
        while blocks and _top(*blocks[-1], heights, low, high) > _bottom(
            labels, total, heights, low, high
        ):
            below, below_total = blocks.pop()
            stacked = sum(heights[label] for label in below)
            labels, total = below + labels, below_total + total - stacked * len(labels)
        blocks.append((labels, total))
    middles = [0.0] * len(wanted)
    for labels, total in blocks:
        bottom = _bottom(labels, total, heights, low, high)
        for label in labels:
            middles[label] = bottom + heights[label] / 2
            bottom += heights[label]
    return middles


def _bottom(
    labels: list[int], total: float, heights: Sequence[float], low: float, high: float
) -> float:
    stacked = sum(heights[label] for label in labels)
    return min(max(total / len(labels), low), high - stacked)


def _top(
    labels: list[int], total: float, heights: Sequence[float], low: float, high: float
) -> float:
    stacked = sum(heights[label] for label in labels)
    return _bottom(labels, total, heights, low, high) + stacked
