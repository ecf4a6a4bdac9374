"""Fit text into its place: measure it, break it into lines, and choose the size of class labels."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from matplotlib import rcParams
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

__all__ = [
    "LEADING",
    "PITCH",
    "Labels",
    "balanced",
    "broken",
    "fitted_labels",
    "width_of",
]

PITCH = 1.15  # from line to line, as matplotlib's `linespacing`
LEADING = 1.25  # the height of a line with what pixels add to it, in font sizes
SIZES = (9.0, 8.0, 7.0, 6.0, 5.0, 4.0)  # of class labels, the best first, in points
MOST_LINES = 4  # of a class label
SLACK = 1.04  # a renderer may round each letter to whole pixels


def width_of(text: str, size: float, weight: str = "normal") -> float:
    """Return the width of one line of text, in points.

    >>> width_of("automobile", 9) > width_of("truck", 9) > 0
    True
    """
    fonts = (*rcParams["font.family"], *rcParams["font.sans-serif"])
    return size * _width_in_sizes(text, weight, fonts) * SLACK


@lru_cache(maxsize=10_000)  # finding line breaks asks for the same words again and again
def _width_in_sizes(text: str, weight: str, fonts: tuple[str, ...]) -> float:  # noqa: ARG001
    """Measure a line in font sizes; `fonts`, the user's, are only a key of the cache."""
    font = FontProperties(size=1.0, weight=weight)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width)


def broken(text: str, width: float, size: float, weight: str = "normal") -> str:
    """Break text into lines of at most `width` points.

    Lines end at line breaks in the text, at spaces, and after `_`, `-` and `/`. They end inside a
    word only if that word by itself is too wide.

    >>> print(broken("a cat called dog", 60, 9))
    a cat called
    dog
    """
    lines: list[str] = []
    for given in text.split("\n"):
        lines.append("")
        for piece in _pieces(given, width, size, weight):
            if lines[-1] and width_of((lines[-1] + piece).rstrip(), size, weight) > width:
                lines.append("")
            lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def balanced(text: str, width: float, size: float, weight: str = "normal") -> str:
    """Break text into as few lines as `broken`, but of about equal length.

    So the last line is not one short word.

    >>> print(balanced("a cat called dog", 60, 9))
    a cat
    called dog
    """
    return "\n".join(_balanced(line, width, size, weight) for line in text.split("\n"))


def _balanced(line: str, width: float, size: float, weight: str) -> str:
    lines = broken(line, width, size, weight)
    if "\n" not in lines:
        return lines
    least = max(width_of(word, size, weight) for word in line.split())  # words stay whole
    widths = np.arange(min(least, width), width)
    fits = partial(_has_lines, line, lines.count("\n"), size, weight)
    index = bisect_left(widths, True, key=fits)
    return broken(line, widths[index], size, weight) if index < len(widths) else lines


def _has_lines(line: str, breaks: int, size: float, weight: str, width: float) -> bool:
    return broken(line, width, size, weight).count("\n") <= breaks


def _pieces(text: str, width: float, size: float, weight: str) -> list[str]:
    """Return the parts between which a line may end; each fits into a line."""
    pieces: list[str] = []
    # A number keeps its per cent sign.
    for word in re.findall(r"(?:[^\s_/-]|\s(?=%))*(?:[_/-]+|\s|$)", text):
        while len(word) > 1 and width_of(word.rstrip(), size, weight) > width:
            too_wide = partial(_is_too_wide, word, width, size, weight)
            fits = max(1, bisect_left(range(len(word)), True, key=too_wide) - 1)
            pieces.append(word[:fits])
            word = word[fits:]
        pieces.append(word)
    return pieces


def _is_too_wide(word: str, width: float, size: float, weight: str, letters: int) -> bool:
    return letters > 0 and width_of(word[:letters], size, weight) > width


class Labels(NamedTuple):
    """Class names as they are written next to a row: broken into lines, at one size in points."""

    names: list[str]
    size: float


def fitted_labels(
    names: Sequence[str], *, side: float, across: float, square: bool = False
) -> Labels:
    """Find the largest type in which each name fits next to its row.

    Args:
        names: one name for each row.
        side: what the rows share from top to bottom, in points.
        across: what a label may take from left to right, in points.
        square: whether the labels are on two sides of a square, where room taken from left to right
            is also lost from top to bottom.

    Returns:
        The names, broken into lines; in the smallest type if nothing fits.
    """
    names = [name.replace("\n", " ") for name in names]  # only this function breaks lines
    layouts = [_in_lines(names, lines) for lines in range(1, MOST_LINES + 1)]
    for size in SIZES:
        for layout in layouts:
            width = size * layout.width
            row = (side - width if square else side) / len(names)
            if width <= across and layout.lines * size * LEADING <= row:
                return Labels(layout.names, size)
    return Labels([broken(name, across, SIZES[-1]) for name in names], SIZES[-1])


class _Layout(NamedTuple):
    """Names broken into lines, the widest line in font sizes, and the most lines of a name."""

    names: list[str]
    width: float
    lines: int


def _in_lines(names: Sequence[str], lines: int) -> _Layout:
    """Break each name at the width that the widest name needs to fit on this many lines."""
    width = max(width_of(name, 1.0) for name in names) / lines
    labels = [broken(name, width, 1.0) for name in names]
    while max(label.count("\n") for label in labels) >= lines:
        width *= 1.1
        labels = [broken(name, width, 1.0) for name in names]
    widest = max(width_of(line, 1.0) for label in labels for line in label.split("\n"))
    return _Layout(labels, widest, max(label.count("\n") + 1 for label in labels))
