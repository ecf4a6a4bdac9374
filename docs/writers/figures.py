"""A matplotlib figure as SVG in two forms: for the light page and for the dark page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from cifarkit.plots.contrast import contrast

__all__ = ["Forms", "forms_of", "on_dark"]

PAPER, GROUND = "#ffffff", "#1e2729"  # of the light page, and of the dark page
BRIGHT = "#f2f4f4"  # what black is turned into in the dark
LETTERS, SHAPES = 4.5, 3.0  # least contrast: WCAG 2.2, 1.4.3 and 1.4.11
GREY = 0.1  # at most so far apart are the channels of a grey


@dataclass(frozen=True)
class Forms:
    """A figure as SVG for the two pages, and the size of its smallest letters in points."""

    light: str
    dark: str
    letters: float


def forms_of(figure: Any) -> Forms:
    """Return both forms of a figure. The figure is recoloured, so nothing may draw it later."""
    figure.canvas.draw()
    sizes = [text.get_fontsize() for text in _texts(figure)]
    light = _svg(figure, PAPER)
    _recolour(figure)
    return Forms(light, _svg(figure, GROUND), min(sizes, default=matplotlib.rcParams["font.size"]))


def on_dark(colour: Any, least: float) -> tuple[float, float, float, float]:
    """Return the colour that stands for a colour on the dark page.

    Greys are turned over: white becomes the ground, black becomes bright. Other colours become
    lighter until their contrast is enough.

    Args:
        colour: any colour of matplotlib's.
        least: the least contrast with the ground, of colours that are no greys.
    """
    *channels, alpha = to_rgba(colour)
    rgb = np.array(channels)
    if np.ptp(rgb) <= GREY:
        ground, bright = (np.array(to_rgba(end)[:3]) for end in (GROUND, BRIGHT))
        return (*map(float, ground + (1 - rgb.mean()) * (bright - ground)), alpha)
    while contrast(to_hex(rgb), GROUND) < least:
        rgb = rgb + 0.1 * (1 - rgb)
    return (*map(float, rgb), alpha)


def _svg(figure: Any, ground: str) -> str:
    """Draw a figure without its ground, which is the page's."""
    grounds = [figure.patch, *(ax.patch for ax in figure.axes)]
    for patch in grounds:
        if to_hex(patch.get_facecolor()) == ground:
            patch.set_alpha(0)
    drawn = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "cifarkit"}):  # the same names in every build
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    for patch in grounds:
        patch.set_alpha(None)
    return drawn.getvalue().decode()


def _texts(figure: Any) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def _recolour(figure: Any) -> None:
    """Give a figure the colours of the dark page; pictures and maps of colours keep theirs."""
    for artist in figure.findobj():
        _recolour_shape(artist)
    texts = _texts(figure)
    for text in texts:
        for shape in (text.get_bbox_patch(), getattr(text, "arrow_patch", None)):
            _recolour_shape(shape)
    for text, behind in zip(texts, _behind(figure, texts), strict=True):
        if contrast(to_hex(text.get_color()), behind) < LETTERS:
            text.set_color(on_dark(text.get_color(), LETTERS))


def _recolour_shape(artist: Any) -> None:
    match artist:
        case Line2D():
            kinds = ["color", "markerfacecolor", "markeredgecolor"]
        case Patch():
            kinds = ["facecolor", "edgecolor"]
        case Collection() if artist.get_array() is None:
            kinds = ["facecolor", "edgecolor"]
        case _:
            return
    for kind, colour in {kind: getattr(artist, f"get_{kind}")() for kind in kinds}.items():
        getattr(artist, f"set_{kind}")(_shapes_on_dark(colour))


def _shapes_on_dark(colour: Any) -> Any:
    """Return the colour of a line or patch on the dark page, or those of a collection."""
    if isinstance(colour, str) and colour in ("none", "auto"):
        return colour
    if isinstance(colour, np.ndarray) and colour.ndim == 2:
        return [on_dark(row, SHAPES) for row in colour]
    return on_dark(colour, SHAPES)


def _behind(figure: Any, texts: Sequence[Text]) -> list[str]:
    """Return the colour that most of each text stands on."""
    for text in texts:
        text.set_alpha(0)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3] / 255
    colours = []
    for text in texts:
        (left, low), (right, high) = text.get_window_extent().get_points().clip(0).astype(int)
        under = pixels[low : high + 1, left : right + 1].reshape(-1, 3)
        colours.append(to_hex(np.median(under, axis=0)) if len(under) else GROUND)
        text.set_alpha(None)
    return colours
