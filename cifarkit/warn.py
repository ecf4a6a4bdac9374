"""Warn, and name the user's line from which cifarkit was called."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from pathlib import Path
from types import FrameType

from cifarkit.errors import CifarkitWarning

__all__ = ["warn"]

# Files that the user did not write; our context managers run through contextlib.
OURS = (f"{Path(__file__).parent}{os.sep}", contextlib.__file__)


def warn(text: str, category: type[Warning] = CifarkitWarning) -> None:
    """Warn, and point at the user's line, in a script or a notebook.

    Args:
        text: what works, but probably not as meant, and how to mend it.
        category: the warning's class.

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
