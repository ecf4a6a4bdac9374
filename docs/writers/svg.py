"""The parts of a chart as SVG: letters in the colour of the page, lines, axes with round numbers.

A chart stands in the page itself, so that it follows the light and the dark form of the page. The
letters are at least 9 pixels high on a screen of 360 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape

from cifarkit.plots.dodging import dodge
from cifarkit.plots.style import COLOURS

__all__ = [
    "LETTERS",
    "WIDTH",
    "Point",
    "Scale",
    "area",
    "chart",
    "circle",
    "colour",
    "end_labels",
    "line",
    "linear",
    "round_numbers",
    "square",
    "text",
]

Point = tuple[float, float]
Scale = Callable[[float], float]  # from a number to where it is in the picture

WIDTH, LETTERS = 400, 13  # units of the picture; a phone shows it at four fifths
TITLE = 24  # the height of the title


def chart(title: str, shapes: Iterable[str], height: float, says: str) -> str:
    """Return a chart with its title.

    Args:
        title: what is drawn.
        shapes: what is below the title; 0 is the lower edge of the title.
        height: the height of the shapes.
        says: what the chart shows, in words, for those who do not see it.
    """
    # Numbers on axes are not what anybody searches for.
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height + TITLE:g}" role="img" '
        f'aria-label="{escape(f"{title}. {says}")}" data-search-exclude>'
        f'<text x="0" y="14" font-size="{LETTERS}" font-weight="bold" fill="currentColor">'
        f'{escape(title)}</text><g transform="translate(0 {TITLE})">{"".join(shapes)}</g></svg>'
    )


def text(x: float, y: float, words: str, *, anchor: str = "start", more: str = "") -> str:
    """Return words whose middle line is at y."""
    return (
        f'<text x="{x:.1f}" y="{y + 0.35 * LETTERS:.1f}" font-size="{LETTERS}" '
        f'text-anchor="{anchor}" fill="currentColor"{more}>{escape(words)}</text>'
    )


def line(points: Sequence[Point], stroke: str, width: float = 1, opacity: float = 1) -> str:
    """Return a line through points."""
    return (
        f'<polyline points="{_written(points)}" fill="none" style="stroke: {stroke}" '
        f'stroke-width="{width:g}" opacity="{opacity:g}" />'
    )


def area(points: Sequence[Point], fill: str, opacity: float) -> str:
    """Return what a line around it encloses."""
    return f'<polygon points="{_written(points)}" style="fill: {fill}" opacity="{opacity:g}" />'


def square(corner: Point, size: float, fill: str, opacity: float) -> str:
    """Return a square, from its upper left corner."""
    return (
        f'<rect x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{size:.1f}" height="{size:.1f}" '
        f'style="fill: {fill}" opacity="{opacity:.2f}" />'
    )


def circle(x: float, y: float, fill: str, says: str, radius: float = 4) -> str:
    """Return a dot that says what it is when the pointer is on it."""
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" style="fill: {fill}">'
        f"<title>{escape(says)}</title></circle>"
    )


def colour(number: int) -> str:
    """Return a colour of the site for the variant of this number; the style sheet can change it."""
    index = number % len(COLOURS)
    return f"var(--series-{index + 1}, {COLOURS[index]})"


def end_labels(
    ends: Sequence[tuple[str, float, float, str]], x: float, height: float
) -> Iterator[str]:
    """Write names in a column, apart from each other, and join each with what it names.

    Args:
        ends: for each name where what it names is, x and y, and its colour.
        x: the left edge of the names.
        height: of the column.
    """
    wanted = [y for _, _, y, _ in ends]
    middles = dodge(wanted, [LETTERS + 2.0] * len(ends), 0.0, height)
    for (name, at_x, at_y, stroke), y in zip(ends, middles, strict=True):
        yield line([(at_x, at_y), (x - 8, y), (x - 3, y)], stroke, 1, 0.7)
        yield text(x, y, name)


def linear(low: float, high: float, first: float, last: float) -> Scale:
    """Return a scale on which low is at first, and high at last."""
    by = (last - first) / ((high - low) or 1.0)
    return lambda value: first + (value - low) * by


def round_numbers(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers between two bounds, for an axis.

    >>> round_numbers(71.4, 75.8)
    [72.0, 73.0, 74.0, 75.0]
    """
    if low == high:
        return [low]
    size = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(s * size for s in (1, 2, 5, 10) if (high - low) / (s * size) <= most)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _written(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
