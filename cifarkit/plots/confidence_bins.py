"""The reliability diagram: how often a network is right, against how confident it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from cifarkit.evaluation.calibration import Calibration, calibrate
from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.evaluation.intervals import wilson_interval
from cifarkit.guidance import explains_arguments
from cifarkit.plots.style import COLOURS, QUIET, axes_or_new, style_axes, styled
from cifarkit.plots.words import align_words, write_words

__all__ = ["calibration_finding", "reliability"]

KEY = "line: as often right as sure; bars: 95 % Wilson intervals"


def calibration_finding(evaluation: Evaluation, table: Calibration) -> str:
    """Describe whether the network is overconfident or underconfident, and its ECE.

    It is one of the two if its mean confidence lies outside the 95 % interval of its accuracy.
    """
    confidence = float(evaluation.probabilities.max(axis=1).astype(np.float64).mean())
    low, high = evaluation.accuracy_interval
    verdict = "No clear bias"
    if confidence > high:
        verdict = "Overconfident"
    if confidence < low:
        verdict = "Underconfident"
    return (
        f"{verdict}: {100 * confidence:.1f} % sure, {100 * evaluation.accuracy:.1f} % right; "
        f"ECE {100 * table.ece:.1f} %"
    )


@explains_arguments("ck.plots.reliability")
def reliability(evaluation: Evaluation, *, bins: int = 15, ax: Axes | None = None) -> Axes:
    """Draw how often the network is right against its confidence: Guo et al. 2017, figure 1.

    A histogram above it shows how many images there are at each confidence.

    Args:
        evaluation: the evaluation of an image set.
        bins: the number of bins of confidence, of equal width.
        ax: where to draw; when None, on a new pyplot figure.

    Returns:
        The axes, to change further; the histogram is its only child axes.

    Raises:
        DataError: it is not an evaluation, or `bins` is not a whole number from 1 to 1,000.

    >>> from matplotlib.figure import Figure
    >>> logits = np.array([[9.0, 0.0], [0.0, 9.0], [9.0, 0.0]], np.float32)
    >>> evaluation = Evaluation(logits, np.array([0, 1, 1]), ("cat", "dog"))
    >>> reliability(evaluation, ax=Figure().subplots()).get_title(loc="left")
    'Overconfident: 100.0 % sure, 66.7 % right; ECE 33.3 %'
    """
    table = calibrate(evaluation, bins)
    ax = axes_or_new(ax, 4.8, 5.2)
    with styled():
        style_axes(ax, grid="y")
        _draw_accuracy(ax, table)
        ax.set_ylabel("right, in %")
        _draw_histogram(ax.inset_axes((0.0, 1.04, 1.0, 0.2)), table)
        finding = calibration_finding(evaluation, table)
        counts = f"above: where the {len(evaluation):,} images lie; ECE over {bins} bins"
        title = write_words(ax, finding, "confidence in %", KEY, counts)
        align_words(ax, title)
    return ax


def _draw_accuracy(ax: Axes, table: Calibration) -> None:
    filled = table.counts > 0
    confidence, accuracy = 100 * table.confidence[filled], 100 * table.accuracy[filled]
    counts = table.counts[filled].tolist()
    totals = np.rint(table.accuracy[filled] * counts).astype(int).tolist()
    intervals = [wilson_interval(correct, n) for correct, n in zip(totals, counts, strict=True)]
    low, high = (100 * np.array(bounds) for bounds in zip(*intervals, strict=True))
    ax.plot([0, 100], [0, 100], color=QUIET, linewidth=1.0, label="as often right as sure")
    ax.vlines(confidence, low, high, color=COLOURS[0], linewidth=2.2)
    ax.plot(confidence, accuracy, "o", color=COLOURS[0], markersize=5, label="right", clip_on=False)
    ticks = range(0, 101, 20)
    ax.set(xlim=(0, 100), ylim=(0, 100), xticks=ticks, yticks=ticks)


def _draw_histogram(ax: Axes, table: Calibration) -> None:
    style_axes(ax)
    widths = 100 * np.diff(table.edges)
    style: dict[str, Any] = {"color": COLOURS[4], "edgecolor": "white"}
    ax.bar(100 * table.edges[:-1], table.counts, widths, align="edge", **style)
    ax.set(xlim=(0, 100), xticks=[])
    ax.spines["left"].set_visible(False)
    most = int(table.counts.max())
    ax.set_yticks([most], [f"{most:,}"])
