"""Labels at the ends of lines, in place of a legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation

from cifarkit.plots.dodging import dodge
from cifarkit.plots.lettering import LEADING, PITCH, broken
from cifarkit.plots.style import PLAIN, layout, root_of

__all__ = ["End", "write_ends"]

SHARE = 0.3  # of the width of the axes, before there are labels, that labels may take
INDENT = 10.0  # from the axes to the labels, in points
SIZES = (8.0, 7.0, 6.0, 5.0)  # of the labels, the best first, in points
LEADER: dict[str, Any] = {
    "arrowstyle": "-",
    "linewidth": 0.6,
    "relpos": (0.0, 0.5),
    "shrinkA": 2.0,
    "shrinkB": 0.0,
}


class End(NamedTuple):
    """The end of a line, in data coordinates, with its label and colour."""

    x: float
    y: float
    text: str
    colour: str


def write_ends(ax: Axes, ends: Sequence[End]) -> None:
    """Write a label for each line right of the axes, with a connection from the line's end.

    A label is at the height where its line ends, or as near as the other labels allow. Limits and
    title must be set before, because they decide the heights.
    """
    width, height = layout(ax)
    texts, size = _fitted([end.text for end in ends], SHARE * width, height)
    line = LEADING * size / height
    tall = [line * (text.count("\n") + 1) for text in texts]
    heights = dodge([_height_in_axes(ax, end) for end in ends], tall, 0.0, 1.0)
    indent = ScaledTranslation(INDENT / 72, 0, root_of(ax).dpi_scale_trans)
    for end, text, label_height in zip(ends, texts, heights, strict=True):
        ax.annotate(
            text,
            xy=(end.x, end.y),
            xytext=(1.0, label_height),
            textcoords=ax.transAxes + indent,
            arrowprops=LEADER | {"color": end.colour},
            annotation_clip=False,
            color=end.colour,
            fontsize=size,
            fontweight="bold",
            linespacing=PITCH,
            verticalalignment="center",
            **PLAIN,
        )


def _fitted(texts: Sequence[str], width: float, height: float) -> tuple[list[str], float]:
    """Break the labels into lines, in the largest type in which they all fit below each other."""
    for size in SIZES:
        lines = [broken(text, width, size, "bold") for text in texts]
        if sum(line.count("\n") + 1 for line in lines) * LEADING * size <= height:
            break
    return lines, size


def _height_in_axes(ax: Axes, end: End) -> float:
    _, height = (ax.transData - ax.transAxes).transform((end.x, end.y))
    return float(height)
