"""Write the words next to horizontal rows: names on the left, columns of numbers on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from cifarkit.plots.lettering import PITCH, fitted_labels, width_of
from cifarkit.plots.style import INK, PLAIN, QUIET, SMALL, layout

__all__ = ["write_columns", "write_names"]


def write_columns(ax: Axes, columns: Mapping[str, Sequence[str]]) -> None:
    """Write columns of numbers right of the axes, under their headings; the first is bold.

    Args:
        ax: the axes, with rows at 0, 1, … and room for a line above the first.
        columns: `{heading: one text for each row}`.
    """
    right = 12.0  # points from the axes
    for index, (header, column) in enumerate(columns.items()):
        weight = "normal" if index else "bold"
        right += max(width_of(text, SMALL, weight) for text in (header, *column))
        style: dict[str, Any] = {
            "xytext": (right, 0.0),
            "textcoords": "offset points",
            "ha": "right",
            "fontsize": SMALL,
            "annotation_clip": False,
        }
        ax.annotate(header, (1.0, 1.0), xycoords="axes fraction", va="top", color=QUIET, **style)
        for row, text in enumerate(column):
            middle: dict[str, Any] = {"xycoords": ax.get_yaxis_transform(), "va": "center"}
            ax.annotate(text, (1.0, row), color=INK, fontweight=weight, **middle, **style)
        right += 10.0


def write_names(ax: Axes, names: Sequence[str]) -> None:
    """Write the name of each row left of it, as large as the room allows."""
    width, height = layout(ax)
    labels = fitted_labels(names, side=height, across=0.45 * width)
    style: dict[str, Any] = {"fontsize": labels.size, "linespacing": PITCH, **PLAIN}
    ax.set_yticks(np.arange(len(names)), labels.names, **style)
    ax.tick_params(axis="y", pad=8)  # a dot at the edge must not touch the names
