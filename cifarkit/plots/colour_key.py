"""The colour bar of a map, from its lowest to its highest number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap

from cifarkit.plots.style import INK, PLAIN, SMALL

__all__ = ["BAR", "ColourKey", "draw_key"]

BAR = 0.1  # inches: its height


@dataclass(frozen=True)
class ColourKey:
    """Colours, and the numbers at their ends.

    Args:
        colours: the colours, from low to high.
        low: the text left of the bar.
        high: the text right of the bar.
    """

    colours: Colormap
    low: str
    high: str


def draw_key(ax: Axes, key: ColourKey) -> None:
    """Fill axes with the colours, and write the meaning of the ends beside them."""
    ax.imshow(np.linspace(0, 1, 256)[None], cmap=key.colours, aspect="auto", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    style: dict[str, Any] = {
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "va": "center",
        "fontsize": SMALL,
        "color": INK,
        "annotation_clip": False,
        **PLAIN,
    }
    ax.annotate(key.low, (0, 0.5), (-4, 0), ha="right", **style)
    ax.annotate(key.high, (1, 0.5), (4, 0), ha="left", **style)
