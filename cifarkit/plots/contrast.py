"""Colours that can be read: the contrast ratio of WCAG 2.2, section 1.4.3."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_hex, to_rgb

__all__ = ["contrast", "darkened", "ink_on"]

READABLE = 4.5  # the least contrast of text with what lies behind it


def contrast(colour: str, other: str) -> float:
    """Return the contrast ratio of two colours, from 1 (the same) to 21 (black on white).

    >>> round(contrast("black", "white"), 1), round(contrast("#f89c20", "white"), 1)
    (21.0, 2.1)
    """
    low, high = sorted((_luminance(colour), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def ink_on(background: str) -> str:
    """Return black or white, whichever is easier to read on a background.

    The better of the two never falls below 4.5.

    >>> ink_on("#ffe0e0"), ink_on("#8a1020")
    ('black', 'white')
    """
    return max("black", "white", key=lambda ink: contrast(ink, background))


def darkened(colour: str) -> str:
    """Darken a colour just enough for text in it to be read on white.

    >>> darkened("#f89c20"), round(contrast(darkened("#f89c20"), "white"), 1)
    ('#a66915', 4.5)
    """
    red, green, blue = to_rgb(colour)
    for share in np.linspace(1.0, 0.0, 101):
        candidate = to_hex((share * red, share * green, share * blue))
        if contrast(candidate, "white") >= READABLE:
            break
    return candidate


def _luminance(colour: str) -> float:
    channels = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in to_rgb(colour)
    ]
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]
