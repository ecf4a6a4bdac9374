"""Whether somebody watches a training, and where."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO

from cifarkit.arguments import checked_flag
from cifarkit.errors import CifarkitError
from cifarkit.training.notebook import in_notebook

__all__ = ["is_terminal", "wants_progress"]


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal in which lines can be drawn anew.

    >>> import io
    >>> is_terminal(io.StringIO()), is_terminal(None)
    (False, False)
    """
    try:
        is_tty = stream is not None and stream.isatty()
    except (AttributeError, ValueError):  # something else in its place, or closed
        return False
    return is_tty and os.environ.get("TERM") not in ("dumb", "unknown")


def wants_progress(show_progress: Any, *, error: type[CifarkitError]) -> bool:
    """Return whether to show progress: `"auto"` does in a notebook and on a terminal.

    Args:
        show_progress: as the user gave it.
        error: what to raise when it is none of the three.

    >>> from cifarkit.errors import TrainingError
    >>> wants_progress(True, error=TrainingError)
    True
    """
    if isinstance(show_progress, str) and show_progress == "auto":
        return in_notebook() or is_terminal(sys.stderr)
    if isinstance(show_progress, str):
        raise error(f'show_progress must be True, False or "auto", found {show_progress!r}')
    return checked_flag("show_progress", show_progress, error=error)
