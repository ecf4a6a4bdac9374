"""How well each class is recognised: precision, recall and F1 side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cifarkit.evaluation.evaluation import Evaluation, check_evaluation
from cifarkit.guidance import explains_arguments
from cifarkit.plots.row_words import write_columns, write_names
from cifarkit.plots.style import COLOURS, INK, axes_or_new, style_axes, styled
from cifarkit.plots.words import align_words, write_words

__all__ = ["per_class", "scores_by_f1"]

LEAST_SPAN = 10.0  # percentage points: smaller differences need not look large
KEY = "ring: precision; dot: recall, with its 95 % Wilson interval"


def scores_by_f1(evaluation: Evaluation) -> pd.DataFrame:
    """Return the scores of each class, shares in [0, 1], the best F1 first.

    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], np.float32)
    >>> scores_by_f1(Evaluation(logits, np.array([0, 0, 1]), ("cat", "dog"))).index.tolist()
    ['cat', 'dog']
    """
    check_evaluation(evaluation)
    return evaluation.per_class.sort_values("f1", ascending=False, kind="stable")


@explains_arguments("ck.plots.per_class")
def per_class(evaluation: Evaluation, *, ax: Axes | None = None) -> Axes:
    """Draw precision and recall of each class, sorted by F1.

    Args:
        evaluation: the evaluation of an image set.
        ax: where to draw; when None, on a new pyplot figure.

    Returns:
        The axes, to change further.

    Raises:
        DataError: it is not an evaluation.

    >>> from matplotlib.figure import Figure
    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], np.float32)
    >>> evaluation = Evaluation(logits, np.array([0, 0, 1]), ("cat", "dog"))
    >>> per_class(evaluation, ax=Figure().subplots()).get_title(loc="left")
    'Best known: cat, F1 50.0 %; least: dog, F1 0.0 %'
    """
    scores = scores_by_f1(evaluation)
    ax = axes_or_new(ax, 6.4, min(20.0, 1.6 + 0.32 * len(scores)))
    with styled():
        style_axes(ax, grid="x")
        ax.spines["left"].set_visible(False)
        _draw_scores(ax, scores)
        _set_limits(ax, scores)
        title = write_words(ax, _finding(scores), "per cent", KEY)
        numbers = [f"{100 * f1:.1f}" for f1 in scores["f1"]]
        write_columns(ax, {"F1": numbers, "n": [f"{int(n):,}" for n in scores["n"]]})
        write_names(ax, list(scores.index))
        align_words(ax, title)
    return ax


def _finding(scores: pd.DataFrame) -> str:
    best, worst = 100 * scores["f1"].iloc[0], 100 * scores["f1"].iloc[-1]
    if best == worst:
        return f"Every class has F1 {best:.1f} %"
    return (
        f"Best known: {scores.index[0]}, F1 {best:.1f} %; "
        f"least: {scores.index[-1]}, F1 {worst:.1f} %"
    )


def _draw_scores(ax: Axes, scores: pd.DataFrame) -> None:
    rows = np.arange(len(scores))
    per_cent = 100 * scores
    colour = COLOURS[0]
    ax.hlines(
        rows, per_cent["recall_low"], per_cent["recall_high"], color=colour, linewidth=2.2, zorder=2
    )
    dots: dict[str, Any] = {"linestyle": "none", "marker": "o", "clip_on": False}
    ax.plot(
        per_cent["precision"],
        rows,
        label="precision",
        markersize=8,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=1.0,
        zorder=3,
        **dots,
    )
    ax.plot(per_cent["recall"], rows, label="recall", markersize=5, color=colour, zorder=4, **dots)


def _set_limits(ax: Axes, scores: pd.DataFrame) -> None:
    shares = 100 * scores[["precision", "recall_low", "recall_high"]].to_numpy()
    low, high = float(shares.min()), float(shares.max())
    margin = max(0.04 * (high - low), (LEAST_SPAN - high + low) / 2)
    ax.set_xlim(max(0.0, low - margin), min(100.0, high + margin))
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    ax.set_ylim(len(scores) - 0.4, -1.0)  # the best class on top, under the names of the columns
