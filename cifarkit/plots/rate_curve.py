"""The curve of a learning-rate range test."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from cifarkit.errors import DataError, TrainingError
from cifarkit.guidance import explains_arguments
from cifarkit.plots.style import (
    COLOURS,
    INK,
    axes_or_new,
    style_axes,
    styled,
)
from cifarkit.plots.words import align_words, write_words
from cifarkit.training.callbacks.lr_finder import LRFinder

__all__ = ["lr_finder", "rate_finding"]

KEY = "dashed: the suggested rate; ring: the lowest loss"
NOTE = "One short test with one seed: a place to begin, not the best rate."


def rate_finding(finder: LRFinder) -> str:
    """Return a sentence that says which rate the curve suggests, and why.

    >>> rate_finding(LRFinder())
    'No rate can be suggested: the loss never fell below where it began'
    """
    try:
        rate = finder.suggestion
    except TrainingError:
        return "No rate can be suggested: the loss never fell below where it began"
    return f"Suggested rate: {rate:.2g}, a tenth of the rate with the lowest loss"


@explains_arguments("ck.plots.lr_finder")
def lr_finder(finder: LRFinder, *, ax: Axes | None = None) -> Axes:
    """Draw the smoothed loss against the learning rate, and mark the suggested rate.

    Args:
        finder: an `LRFinder` that was among the callbacks of a training.
        ax: where to draw; when None, on a new pyplot figure.

    Returns:
        The axes, to change further.

    Raises:
        DataError: it is not a finder, or it has seen no rate yet.

    >>> from matplotlib.figure import Figure
    >>> finder = LRFinder()
    >>> finder.rates, finder.losses = [0.001, 0.01, 0.1, 1.0], [2.3, 2.0, 1.5, 9.0]
    >>> lr_finder(finder, ax=Figure().subplots()).get_title(loc="left")
    'Suggested rate: 0.01, a tenth of the rate with the lowest loss'
    """
    _check(finder)
    ax = axes_or_new(ax, 6.4, 4.0)
    with styled():
        style_axes(ax, grid="y")
        ax.plot(finder.rates[: len(finder.losses)], finder.losses, color=COLOURS[0], linewidth=1.8)
        ax.set_xscale("log")
        low, first = min(finder.losses), finder.losses[0]
        room = (first - low) or abs(first) or 1.0
        ax.set_ylim(low - 0.1 * room, first + 0.5 * room)  # the loss explodes at the end
        # The usual labels are formulas, and formulas are off in this style.
        ax.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_ylabel("train loss, smoothed")
        key = _mark_suggestion(ax, finder)
        axis = "learning rate, on a log scale"
        title = write_words(ax, rate_finding(finder), axis, key, NOTE)
        align_words(ax, title)
    return ax


def _check(finder: Any) -> None:
    if not isinstance(finder, LRFinder):
        raise DataError(f"lr_finder draws a ck.LRFinder(…), found {type(finder).__name__}")
    if not finder.losses:
        raise DataError(
            "the finder has seen no rate yet; train with it first: "
            "finder = ck.LRFinder(), then ck.train('baseline', data, callbacks=[finder])"
        )


def _mark_suggestion(ax: Axes, finder: LRFinder) -> str:
    """Mark the suggested rate and the lowest loss; return what the marks mean."""
    try:
        rate = finder.suggestion
    except TrainingError:
        return ""
    ax.axvline(rate, color=INK, linewidth=1.0, linestyle="--", label="suggested")
    lowest = 10 * rate, min(finder.losses[len(finder.losses) // 10 :])
    ring: dict[str, Any] = {"markersize": 9, "markeredgewidth": 1.6, "markerfacecolor": "none"}
    ax.plot(*lowest, "o", markeredgecolor=COLOURS[0], label="lowest", clip_on=False, **ring)
    return KEY
