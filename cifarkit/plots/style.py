"""The style of every figure: colours, sizes, and where a plot is drawn.

The style holds inside `styled()`, and does not change the user's settings for other figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

__all__ = [
    "BODY",
    "COLOURS",
    "GRID",
    "INK",
    "PLAIN",
    "QUIET",
    "SMALL",
    "TITLE",
    "WRONG",
    "axes_or_new",
    "style_axes",
    "new_figure",
    "root_of",
    "layout",
    "show_once",
    "size_of",
    "styled",
]

# Six colours that survive colour-blindness: Petroff 2021, arXiv:2107.02270.
COLOURS = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#9c9ca1", "#7a21dd")
WRONG = COLOURS[2]
INK, QUIET, GRID = "#1f1f1f", "#5c5c5c", "#e4e4e4"
TITLE, BODY, SMALL = 11.0, 9.0, 8.0  # points
# Names of classes and runs are shown letter by letter, also with dollars or backslashes.
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}


@contextmanager
def styled() -> Iterator[None]:
    """Set cifarkit's style for a block, and restore the user's after it."""
    with matplotlib.rc_context(
        {
            "axes.edgecolor": QUIET,
            "axes.facecolor": "white",
            "axes.grid": False,
            "axes.labelcolor": INK,
            "figure.autolayout": False,
            "figure.constrained_layout.use": False,
            "figure.facecolor": "white",
            "font.size": BODY,
            "font.weight": "normal",
            "text.color": INK,
            "text.parse_math": False,
            "text.usetex": False,
            "xtick.color": QUIET,
            "ytick.color": QUIET,
        }
    ):
        yield


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the given axes, or new axes on a new figure; call it outside of `styled()`.

    Args:
        ax: where the user wants the plot.
        width: the width of the new figure, in inches.
        height: the height of the new figure, in inches.
    """
    return new_figure(width, height).subplots() if ax is None else ax


def new_figure(width: float, height: float) -> Figure:
    """Return a new pyplot figure, which notebooks show; call it outside of `styled()`.

    The first figure of a program loads matplotlib's backend. A notebook's backend changes settings
    then. The end of `styled()` would undo them, and no later figure would be shown.

    Args:
        width: the width, in inches.
        height: the height, in inches.
    """
    import matplotlib.pyplot as plt  # only here: a report draws on a bare Figure

    return plt.figure(figsize=(width, height), layout="constrained")


def show_once(figure: Figure) -> None:
    """Let a notebook show a figure only once if it is the last line of a cell.

    A notebook shows the value of the last line, and then every figure that is open in pyplot.

    Args:
        figure: what a plot returns.
    """
    vars(figure)["_ipython_display_"] = partial(_leave_pyplot, figure)


def _leave_pyplot(figure: Figure) -> None:
    """Close a figure in pyplot when a notebook is about to show it."""
    if "inline" in matplotlib.get_backend():  # any other shows a window, which stays open
        import matplotlib.pyplot as plt

        plt.close(figure)
    raise NotImplementedError  # which tells IPython to show it in its usual way


def style_axes(ax: Axes, *, grid: str = "") -> None:
    """Set axes to cifarkit's style, whatever style they were made in.

    Args:
        ax: the axes to change.
        grid: `"x"`, `"y"`, or `""` for no grid.
    """
    root_of(ax).set_facecolor("white")  # titles and labels stand on the figure
    ax.set_facecolor("white")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set(color=QUIET, linewidth=0.8)
    ax.tick_params(which="both", length=0, labelsize=SMALL, labelcolor=INK)
    ax.yaxis.label.set(fontsize=BODY, color=QUIET, **PLAIN)
    ax.grid(visible=False)
    ax.set_axisbelow(True)
    if grid == "x":
        ax.grid(axis="x", color=GRID, linewidth=0.8, linestyle="-")
    if grid == "y":
        ax.grid(axis="y", color=GRID, linewidth=0.8, linestyle="-")


def root_of(ax: Axes) -> Figure:
    """Return the figure that axes are drawn on."""
    figure = ax.get_figure()
    assert figure is not None  # only removed axes have none
    return figure.canvas.figure  # of a sub-figure, the whole figure


def layout(ax: Axes) -> tuple[float, float]:
    """Place the axes so that all labels have room; return their width and height in points.

    The figure's layout engine does this. Without an engine it is done once, now; axes that were
    placed by hand stay where they are.
    """
    figure = root_of(ax)
    if ax.get_subplotspec() is not None:
        (figure.get_layout_engine() or ConstrainedLayoutEngine()).execute(figure)
    return size_of(ax)


def size_of(ax: Axes) -> tuple[float, float]:
    """Return the current width and height of axes, in points."""
    ax.apply_aspect()
    box, dpi = ax.get_window_extent(), root_of(ax).dpi
    return box.width / dpi * 72, box.height / dpi * 72
