"""Warnings that name the line of the user's from which cifarkit was called."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from pathlib import Path
from types import FrameType

from cifarkit.errors import CifarkitWarning

__all__ = ["warn"]

# Whose lines a user did not write; a block of ours is entered and left through contextlib.
OURS = (f"{Path(__file__).parent}{os.sep}", contextlib.__file__)


def warn(text: str, category: type[Warning] = CifarkitWarning) -> None:
    """Warn, and point at the user's line, in a script or a notebook.

    Args:
        text: what works, but probably not as meant, and how to mend it.
        category: of the warning.

    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     warn("the network ends in a softmax; leave it out")
    >>> print(caught[0].message)
    the network ends in a softmax; leave it out
    """
    frame: FrameType | None = sys._getframe()
    level = 1
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)
