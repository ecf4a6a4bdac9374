"""Parts of a figure in SVG: its colours and letters are those of the page that it stands in."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
from PIL import Image

__all__ = ["axis", "bar", "dot", "figure", "line", "path", "picture", "text"]

WIDTH = 480  # so that letters of 14 have 9 pixels on a phone


def figure(height: float, shows: str, *parts: str) -> str:
    """Return a figure; `shows` is read aloud in its stead."""
    head = f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(shows)}">'
    return "\n".join([head, *parts, "</svg>"])


def text(x: float, y: float, words: object, look: str = "") -> str:
    """Write words; the look is one or more classes, such as `middle small`."""
    return f'<text x="{x:.4g}" y="{y:.4g}"{_class(look)}>{escape(str(words))}</text>'


def bar(x: float, y: float, width: float, height: float, look: str, share: float = 1) -> str:
    """Draw a filled rectangle; a share below 1 lets the paper through."""
    fill = f' fill-opacity="{share:.2f}"' if share < 1 else ""
    size = f'x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}"'
    return f"<rect {size}{_class(look)}{fill}/>"


def line(x1: float, y1: float, x2: float, y2: float, look: str = "rule") -> str:
    """Draw a straight line."""
    ends = f'x1="{x1:.4g}" y1="{y1:.4g}" x2="{x2:.4g}" y2="{y2:.4g}"'
    return f"<line {ends}{_class(look)}/>"


def path(points: list[tuple[float, float]], look: str) -> str:
    """Join points by a line."""
    joined = " ".join(f"{x:.4g},{y:.4g}" for x, y in points)
    return f'<polyline points="{joined}"{_class(f"curve {look}")}/>'


def dot(x: float, y: float, look: str) -> str:
    """Draw a dot."""
    return f'<circle cx="{x:.4g}" cy="{y:.4g}" r="5"{_class(look)}/>'


def picture(x: float, y: float, side: float, pixels: np.ndarray) -> str:
    """Draw an image, `3 rows columns` of bytes, with its pixels as squares."""
    file = io.BytesIO()
    Image.fromarray(np.moveaxis(pixels, 0, 2)).save(file, format="png", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    size = f'x="{x:.4g}" y="{y:.4g}" width="{side:.4g}" height="{side:.4g}"'
    return f'<image {size} class="pixels" href="data:image/png;base64,{data}"/>'


def axis(
    points: dict[float, object], at: float, ends: tuple[float, float], *, vertical: bool = False
) -> list[str]:
    """Draw an axis with its numbers: along the bottom at height `at`, or left of x = `at`."""
    low, high = ends
    if vertical:
        numbers = [text(at - 8, y + 5, words, "end") for y, words in points.items()]
        return [line(at, low, at, high), *numbers]
    numbers = [text(x, at + 20, words, "middle") for x, words in points.items()]
    return [line(low, at, high, at), *numbers]


def _class(look: str) -> str:
    return f' class="{look}"' if look else ""
