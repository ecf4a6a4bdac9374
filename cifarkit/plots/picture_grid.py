"""Draw pictures in rows, about an inch each, with a line or two of text above each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cifarkit.plots.answers import Picture
from cifarkit.plots.colour_key import BAR, ColourKey, draw_key
from cifarkit.plots.lettering import LEADING, PITCH, balanced, broken, width_of
from cifarkit.plots.style import (
    BODY,
    INK,
    PLAIN,
    QUIET,
    SMALL,
    TITLE,
    WRONG,
    new_figure,
    show_once,
    styled,
)

__all__ = ["Section", "Tile", "draw_grid", "square_columns"]

PICTURE, GAP, MARGIN = 1.0, 0.2, 0.06  # inches
FOOT = 0.3  # inches: a report writes the pictures' origin below them
KEY = 0.25  # inches: the row of the colour bar
MOST_COLUMNS = 10
LEAST_WIDTH = 4.0  # inches, so that the title has room over a single picture


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture of a grid.

    Args:
        picture: uint8 `height width 3`, drawn as a square.
        text: the text above it.
        wrong: whether to frame and cross it.
    """

    picture: Picture
    text: str
    wrong: bool = False


@dataclass(frozen=True, eq=False)
class Section:
    """Pictures that belong together, under a heading; empty for none."""

    heading: str
    tiles: Sequence[Tile]


def draw_grid(
    title: str,
    sections: Sequence[Section],
    *,
    columns: int,
    figure: Figure | None,
    together: int = 1,
    note: str = "",
    key: ColourKey | None = None,
) -> Figure:
    """Draw pictures in rows on a figure, which gets the height that they need.

    Args:
        title: the title of the figure.
        sections: the sections, from top to bottom.
        columns: how many pictures a row of a new figure has.
        figure: an empty one, whose width is kept and filled; when None, a new pyplot figure.
        together: how many consecutive pictures stay in one row, if the figure is wide enough.
        note: a text below the title: what a reader must know.
        key: the colour bar, below the note.
    """
    if figure is None:
        width = max(LEAST_WIDTH, columns * (PICTURE + GAP) - GAP + 2 * MARGIN)
        figure = new_figure(width, LEAST_WIDTH)
    else:
        columns = max(1, int((figure.get_figwidth() - 2 * MARGIN + GAP) / (PICTURE + GAP)))
    columns = columns // together * together or columns
    with styled():
        _Page(figure, columns).fill(title, note, key, sections)
    show_once(figure)
    return figure


def square_columns(pictures: int) -> int:
    """Return how many columns make the grid of the pictures about square.

    >>> square_columns(25), square_columns(7), square_columns(1_000)
    (5, 3, 10)
    """
    return min(MOST_COLUMNS, math.ceil(math.sqrt(pictures)))


class _Page:
    """A figure filled from the top; positions are in inches, down from its upper edge."""

    def __init__(self, figure: Figure, columns: int) -> None:
        figure.set_layout_engine("none")  # every position is set here
        figure.set_facecolor("white")
        self.figure = figure
        self.columns = columns
        self.width = figure.get_figwidth()

    def fill(
        self, title: str, note: str, key: ColourKey | None, sections: Sequence[Section]
    ) -> None:
        headline = self._lines(title, TITLE, "bold")
        notes = self._lines(note, SMALL, "normal")
        headings = [self._lines(section.heading, BODY, "bold") for section in sections]
        texts = [
            [broken(tile.text, 72 * (PICTURE + GAP / 2), SMALL) for tile in section.tiles]
            for section in sections
        ]
        under_title = MARGIN + _height(headline, TITLE)
        under_note = under_title + _height(notes, SMALL)
        tops, below = [], under_note + (KEY if key else 0) + GAP / 4
        for heading, section_texts in zip(headings, texts, strict=True):
            tops.append(below + GAP / 2 * bool(heading))
            rows = -(-len(section_texts) // self.columns)
            below += (
                GAP / 2 * bool(heading) + _height(heading, BODY) + rows * _row_height(section_texts)
            )
        self.height = below + FOOT
        self.figure.set_size_inches(self.width, self.height)
        self.figure.suptitle(headline, **self._position(MARGIN), **_text_style(TITLE))
        if notes:
            quiet = _text_style(SMALL) | {"fontweight": "normal", "color": QUIET}
            self.figure.text(s=notes, **self._position(under_title), **quiet)
        if key is not None:
            self._draw_key(key, under_note)
        for section, heading, lines, top in zip(sections, headings, texts, tops, strict=True):
            if heading:
                self.figure.text(s=heading, **self._position(top), **_text_style(BODY))
            self._draw_tiles(section.tiles, lines, top + _height(heading, BODY))

    def _lines(self, text: str, size: float, weight: str) -> str:
        return balanced(text, 72 * (self.width - 2 * MARGIN), size, weight)

    def _position(self, top: float) -> dict[str, Any]:
        return {"x": MARGIN / self.width, "y": 1 - top / self.height}

    def _draw_key(self, key: ColourKey, top: float) -> None:
        left = MARGIN + (width_of(key.low, SMALL) + 4) / 72
        lower = 1 - (top + KEY / 2 + BAR / 2) / self.height
        box = (left / self.width, lower, PICTURE / self.width, BAR / self.height)
        draw_key(self.figure.add_axes(box), key)

    def _draw_tiles(self, tiles: Sequence[Tile], texts: Sequence[str], top: float) -> None:
        for index, (tile, text) in enumerate(zip(tiles, texts, strict=True)):
            row, column = divmod(index, self.columns)
            left = MARGIN + column * (PICTURE + GAP)
            lower = top + (row + 1) * _row_height(texts) - GAP / 2
            box = (
                left / self.width,
                1 - lower / self.height,
                PICTURE / self.width,
                PICTURE / self.height,
            )
            _draw_tile(self.figure.add_axes(box), tile, text)


def _text_style(size: float) -> dict[str, Any]:
    shape = {"fontsize": size, "fontweight": "bold", "color": INK, "linespacing": PITCH}
    return {"ha": "left", "va": "top", **shape, **PLAIN}


def _height(text: str, size: float) -> float:
    """Return the height of lines with a little space below, in inches; 0 for no text."""
    return ((text.count("\n") + 1) * LEADING * size + 5) / 72 if text else 0.0


def _row_height(texts: Sequence[str]) -> float:
    """Return the height of a row of pictures under the longest text, in inches."""
    return max((_height(text, SMALL) for text in texts), default=0.0) + PICTURE + GAP / 2


def _draw_tile(ax: Axes, tile: Tile, text: str) -> None:
    ax.imshow(tile.picture, interpolation="nearest", aspect="auto")
    style: dict[str, Any] = {"fontsize": SMALL, "color": INK, "linespacing": PITCH, **PLAIN}
    ax.set_title(text, loc="left", pad=4, **style)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=tile.wrong, color=WRONG, linewidth=2.5)
    if tile.wrong:
        # A cross as well as the frame: not everyone sees the colour.
        cross: dict[str, Any] = {
            "markersize": 11,
            "markerfacecolor": WRONG,
            "markeredgecolor": "white",
        }
        ax.plot(0.88, 0.88, "X", transform=ax.transAxes, markeredgewidth=1.2, **cross)
