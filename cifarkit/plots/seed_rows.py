"""The numbers in the figures of a comparison: a row for each variant or pair."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cifarkit.errors import DataError

if TYPE_CHECKING:
    from cifarkit.comparison.comparison import Comparison

__all__ = ["SeedRow", "difference_rows", "variant_rows"]


@dataclass(frozen=True)
class SeedRow:
    """A number for each seed, their mean, and the interval of the mean, all as fractions.

    Args:
        name: the text next to the row.
        values: `{seed: number}`.
        mean: the mean of the values; nan if there are none.
        interval: the ends of the 95 % interval of the mean over seeds; None for fewer than two
            seeds.
        index: the index of the variant in the comparison, from 0, which decides its colour.
        p_holm: the p of a pair, adjusted for all pairs; None if there is nothing to test.
    """

    name: str
    values: Mapping[int, float]
    mean: float
    interval: tuple[float, float] | None
    index: int = 0
    p_holm: float | None = None


def variant_rows(comparison: Comparison) -> list[SeedRow]:
    """Return test accuracies by variant: the highest mean first, and variants without a run last.

    Raises:
        DataError: there is no run, or it is not a comparison.
    """
    _check(comparison)
    rows = []
    for index, (name, row) in enumerate(comparison.table.iterrows()):
        interval = (float(row["low"]), float(row["high"])) if row["n"] > 1 else None
        values = _by_seed(comparison, str(name))
        rows.append(SeedRow(str(name), values, float(row["mean"]), interval, index))
    if not any(row.values for row in rows):
        raise DataError("there is nothing to draw: the comparison has no run")
    return sorted(rows, key=lambda row: math.inf if math.isnan(row.mean) else -row.mean)


def difference_rows(comparison: Comparison) -> list[SeedRow]:
    """Return differences in test accuracy over the seeds that both have, in the order of `.pairs`.

    Raises:
        DataError: there is no pair, or it is not a comparison.
    """
    _check(comparison)
    if not comparison.pairs:
        raise DataError("there is nothing to draw: a difference needs two variants")
    rows = []
    for pair in comparison.pairs:
        a, b = (_by_seed(comparison, name) for name in (pair.a, pair.b))
        seeds = [seed for seed in a if seed in b][: pair.n]  # up to the decision, if it was awaited
        shared = {seed: a[seed] - b[seed] for seed in seeds}
        p = pair.p_holm if pair.n > 1 else None
        name = f"{pair.a} - {pair.b}"
        rows.append(SeedRow(name, shared, pair.difference, pair.interval, p_holm=p))
    return rows


def _check(comparison: object) -> None:
    from cifarkit.comparison.comparison import Comparison

    if not isinstance(comparison, Comparison):
        raise DataError(f"the figure needs what ck.compare returned, found {comparison!r}")


def _by_seed(comparison: Comparison, name: str) -> dict[int, float]:
    return {run.seed: run.accuracy for run in comparison.of(name)}
