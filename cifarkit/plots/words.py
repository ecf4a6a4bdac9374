"""Write the words around a plot: the finding above it, the axis and the notes below it."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.transforms import blended_transform_factory

from cifarkit.plots.lettering import PITCH, balanced
from cifarkit.plots.style import BODY, INK, PLAIN, QUIET, SMALL, TITLE, layout, root_of

__all__ = ["align_words", "write_words"]

MOST_LINES = 3  # of a title in full size


def write_words(ax: Axes, finding: str, axis: str, *notes: str, above: float = 0.0) -> Text:
    """Write the finding above a plot, and the name of its axis and the notes below it.

    Lines are as wide as the plot with all its labels.

    Args:
        ax: the plot.
        finding: a sentence that says what the plot shows.
        axis: the name of the horizontal axis.
        notes: what a reader must know, each on its own line; empty notes are left out.
        above: room between plot and finding, in points.

    Returns:
        The title, for `align_words`.
    """
    width = _width_with_labels(ax)
    caption = "\n".join(balanced(text, width, BODY) for text in (axis, *notes) if text)
    style: dict[str, Any] = {"linespacing": PITCH, **PLAIN}
    ax.set_xlabel(caption, loc="left", labelpad=6, fontsize=BODY, color=QUIET, **style)
    ax.xaxis.label.set_multialignment("left")
    for size in (TITLE, BODY, SMALL):
        headline = balanced(finding, width, size, "bold")
        if headline.count("\n") < MOST_LINES:  # longer ones would leave no room for the plot
            break
    style |= {"fontsize": size, "fontweight": "bold", "color": INK}
    return ax.set_title(headline, loc="left", pad=10 + above, **style)


def align_words(ax: Axes, title: Text) -> None:
    """Align title and caption with the labels left of the axes."""
    layout(ax)
    if ax.get_aspect() != "auto":
        layout(ax)  # a square that shrank for its labels has moved them
    box, figure = ax.get_tightbbox(for_layout_only=True), root_of(ax)
    if box is None:
        return
    # A share of the figure, not of the axes: in an SVG letters are narrower, and the axes wider.
    for text in (title, ax.xaxis.label):
        text.set_x(max(box.x0, 0) / figure.bbox.width)
        text.set_transform(blended_transform_factory(figure.transFigure, text.get_transform()))


def _width_with_labels(ax: Axes) -> float:
    """Return the width from the left of the labels to the right of the layout's room, in points."""
    layout(ax)
    figure = root_of(ax)
    room = ax.get_position(original=True).transformed(figure.transFigure)
    box = ax.get_tightbbox(for_layout_only=True) or room
    left = max(min(float(box.x0), float(room.x0)), 0.0)
    right = min(max(float(box.x1), float(room.x1)), float(figure.bbox.width))
    return (right - left) / figure.dpi * 72
