"""Labels at the ends of lines, in place of a legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import ScaledTranslation

from cifarkit.plots.lettering import LEADING, PITCH, broken
from cifarkit.plots.spreading import spread
from cifarkit.plots.style import PLAIN, SMALL, root_of, settle

__all__ = ["End", "make_way", "write_ends"]

SHARE = 0.3  # of the width of the axes, before there are labels, that labels may take
INDENT = 10.0  # from the axes to the labels, in points


class End(NamedTuple):
    """The end of a line, in data coordinates, and what is written there, in which colour."""

    x: float
    y: float
    text: str
    colour: str


def write_ends(ax: Axes, ends: Sequence[End]) -> list[Annotation]:
    """Write a label to the right of the axes for each line, and lead from the line to it.

    The labels stand at the height of their lines; `make_way` follows when the axes have their
    size.
    """
    width, _ = settle(ax)
    indent = ScaledTranslation(INDENT / 72, 0, root_of(ax).dpi_scale_trans)
    return [
        ax.annotate(
            broken(end.text, SHARE * width, SMALL, "bold"),
            xy=(end.x, end.y),
            xytext=(1.0, _height_in_axes(ax, end)),
            textcoords=ax.transAxes + indent,
            arrowprops={
                "arrowstyle": "-",
                "color": end.colour,
                "linewidth": 0.6,
                "relpos": (0.0, 0.5),
                "shrinkA": 2.0,
                "shrinkB": 0.0,
            },
            annotation_clip=False,
            color=end.colour,
            fontsize=SMALL,
            fontweight="bold",
            linespacing=PITCH,
            verticalalignment="center",
            **PLAIN,
        )
        for end in ends
    ]


def make_way(ax: Axes, ends: Sequence[End], labels: Sequence[Annotation]) -> None:
    """Move labels up and down until none covers another."""
    _, height = settle(ax)
    line = LEADING * SMALL / height
    tall = [line * (label.get_text().count("\n") + 1) for label in labels]
    places = spread([_height_in_axes(ax, end) for end in ends], tall, 0.0, 1.0)
    for label, place in zip(labels, places, strict=True):
        label.set_position((1.0, place))


def _height_in_axes(ax: Axes, end: End) -> float:
    _, height = (ax.transData - ax.transAxes).transform((end.x, end.y))
    return float(height)
