"""Draw a comparison: a dot for every seed, their mean, and its interval."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cifarkit.guidance import explains_arguments
from cifarkit.plots.comparison_findings import comparison_finding, differences_finding
from cifarkit.plots.contrast import darkened
from cifarkit.plots.row_words import write_columns, write_names
from cifarkit.plots.seed_rows import SeedRow, difference_rows, variant_rows
from cifarkit.plots.style import COLOURS, QUIET, SMALL, axes_or_new, style_axes, styled
from cifarkit.plots.words import align_words, write_words
from cifarkit.tables import p_value

if TYPE_CHECKING:
    from cifarkit.comparison.comparison import Comparison

__all__ = ["comparison", "differences"]

LEAST_SPAN = 1.0  # percentage points: smaller differences need not look large
SEEDS = (-0.36, 0.06)  # the heights of the dots in a row, seed below seed
MEAN = 0.27  # the height of its mean
INTERVAL = "diamond and bar: their mean with its 95 % interval over seeds"


@explains_arguments("ck.plots.comparison")
def comparison(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw the test accuracy of every seed of every variant, the highest mean on top.

    A dot is a seed. Lines join the dots of the same seed, which have the same order in each row.
    The variants are compared seed by seed, so the slopes of the lines say more than the overlap of
    the intervals of two means. `differences` draws these differences.

    Args:
        comparison: from `ck.compare`.
        ax: where to draw; when None, on a new pyplot figure.

    Returns:
        The axes, to change further.

    Raises:
        DataError: there is no run.

    >>> import tempfile
    >>> from matplotlib.figure import Figure
    >>> import cifarkit as ck
    >>> data = ck.load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> result = ck.compare(["linear"], data, seeds=1, epochs=1, run_dir=tempfile.mkdtemp(),
    ...                     show_progress=False)
    >>> comparison(result, ax=Figure().subplots()).get_title(loc="left")
    'linear: ... % right with one seed'
    """
    rows = variant_rows(comparison)
    chance = 100 / len(comparison.data["classes"])
    ax = _axes_for(ax, rows)
    with styled():
        _draw_pairs(ax, rows)
        _draw_rows(ax, rows, [COLOURS[row.index % len(COLOURS)] for row in rows])
        low, high = _set_limits(ax, rows, least=0.0, most=100.0)
        near = low <= chance <= high
        if near:
            _draw_mark(ax, chance, f"chance {chance:.1f} %")
        joined = ", joined to the same seed of the next variant" if len(rows) > 1 else ""
        notes = [f"dot: one seed{joined}", _intervals(rows)]
        notes += [] if near else [f"chance: {chance:.1f} %"]
        columns = {
            "mean": [f"{100 * row.mean:.1f}" if row.values else "-" for row in rows],
            "n": [str(len(row.values)) for row in rows],
        }
        _write(ax, rows, comparison_finding(comparison), "test accuracy in %", notes, columns)
    return ax


@explains_arguments("ck.plots.differences")
def differences(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw the paired differences behind the verdicts: a row for each pair, a dot for each seed.

    Args:
        comparison: from `ck.compare`, of at least two variants.
        ax: where to draw; when None, on a new pyplot figure.

    Returns:
        The axes, to change further.

    Raises:
        DataError: there is no run, or no pair.

    >>> import tempfile
    >>> from matplotlib.figure import Figure
    >>> import cifarkit as ck
    >>> data = ck.load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> result = ck.compare(["linear", "mlp"], data, seeds=2, epochs=1, show_progress=False,
    ...                     run_dir=tempfile.mkdtemp())
    >>> differences(result, ax=Figure().subplots()).get_title(loc="left")
    'Too few seeds to tell ...'
    """
    rows = difference_rows(comparison)
    ax = _axes_for(ax, rows)
    with styled():
        _draw_rows(ax, rows, [QUIET] * len(rows))
        _set_limits(ax, rows, least=-100.0, most=100.0, holds=(0.0,))
        _draw_mark(ax, 0.0, "equal")
        notes = ["right of 0: the first of the two was ahead", f"dot: one seed; {_intervals(rows)}"]
        columns = {
            "points": [f"{100 * row.mean:+z.1f}" if row.values else "-" for row in rows],
            "p, Holm": ["-" if row.p_holm is None else p_value(row.p_holm) for row in rows],
            "n": [str(len(row.values)) for row in rows],
        }
        axis = "difference in test accuracy, in percentage points"
        _write(ax, rows, differences_finding(comparison), axis, notes, columns)
    return ax


def _axes_for(ax: Axes | None, rows: Sequence[SeedRow]) -> Axes:
    ax = axes_or_new(ax, 6.4, min(20.0, 1.9 + 0.5 * len(rows)))
    style_axes(ax, grid="x")
    ax.spines["left"].set_visible(False)
    ax.set_ylim(len(rows) - 0.4, -1.0)  # the first row on top, under the names of the columns
    return ax


def _heights(rows: Sequence[SeedRow]) -> dict[int, float]:
    """Return the height of each seed in a row, so that no dot hides another."""
    seeds = sorted({seed for row in rows for seed in row.values})
    first, last = SEEDS if len(seeds) > 1 else (sum(SEEDS) / 2,) * 2
    return dict(zip(seeds, np.linspace(first, last, len(seeds)).tolist(), strict=True))


def _draw_pairs(ax: Axes, rows: Sequence[SeedRow]) -> None:
    heights = _heights(rows)
    for index, (upper, lower) in enumerate(itertools.pairwise(rows)):
        for seed in upper.values.keys() & lower.values.keys():
            ax.plot(
                [100 * upper.values[seed], 100 * lower.values[seed]],
                [index + heights[seed], index + 1 + heights[seed]],
                color=QUIET,
                alpha=0.35,
                linewidth=0.7,
                zorder=1.5,
                label=f"seed {seed}",
            )


def _draw_rows(ax: Axes, rows: Sequence[SeedRow], colours: Sequence[str]) -> None:
    heights = _heights(rows)
    dots: dict[str, Any] = {
        "linestyle": "none",
        "clip_on": False,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
    }
    for index, (row, colour) in enumerate(zip(rows, colours, strict=True)):
        numbers = [100 * value for value in row.values.values()]
        tall = [index + heights[seed] for seed in row.values]
        ax.plot(
            numbers,
            tall,
            marker="o",
            markersize=5.5,
            label=row.name,
            zorder=3,
            **dots,
            color=colour,
        )
        if row.interval is None:
            continue  # the one dot is the mean
        low, high = (100 * bound for bound in row.interval)
        ink = darkened(colour)
        ax.hlines(index + MEAN, low, high, color=ink, linewidth=2.0, zorder=2)
        ax.plot(100 * row.mean, index + MEAN, marker="D", markersize=6, zorder=4, **dots, color=ink)


def _set_limits(
    ax: Axes, rows: Sequence[SeedRow], *, least: float, most: float, holds: Sequence[float] = ()
) -> tuple[float, float]:
    """Set the limits around every seed and interval, within the possible values; return them."""
    numbers = [100 * x for row in rows for x in (*row.values.values(), *(row.interval or ()))]
    numbers = [*holds, *numbers]
    low, high = max(least, min(numbers, default=0.0)), min(most, max(numbers, default=0.0))
    margin = max(0.04 * (high - low), (LEAST_SPAN - high + low) / 2)
    low, high = max(least, low - margin), min(most, high + margin)
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    return low, high


def _draw_mark(ax: Axes, x: float, text: str) -> None:
    """Draw a vertical line and write its meaning above the first row."""
    low, high = ax.get_xlim()
    left = 2 * x > low + high
    ax.axvline(x, color=QUIET, linewidth=1.0, zorder=1.8, label=text)
    ax.annotate(
        text,
        (x, 1.0),
        xycoords=ax.get_xaxis_transform(),
        xytext=(-4 if left else 4, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="top",
        fontsize=SMALL,
        color=QUIET,
        annotation_clip=False,
    )


def _intervals(rows: Sequence[SeedRow]) -> str:
    single = [row for row in rows if len(row.values) == 1]
    if len(single) == sum(bool(row.values) for row in rows):
        return "one seed each, so the spread over seeds is unknown"
    return INTERVAL + ("; none for a single seed" if single else "")


def _write(
    ax: Axes,
    rows: Sequence[SeedRow],
    finding: str,
    axis: str,
    notes: Sequence[str],
    columns: dict[str, list[str]],
) -> None:
    title = write_words(ax, finding, axis, *notes)
    write_columns(ax, columns)
    write_names(ax, [row.name for row in rows])
    align_words(ax, title)
