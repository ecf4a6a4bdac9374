"""The folder of data sets, and the meaning of `~`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

__all__ = ["data_folder", "expanded", "home_is_known"]


def data_folder() -> Path:
    """Return the folder for data sets: `$CIFARKIT_DATA`, else one in the user's cache folder.

    Nothing is created.
    """
    named = os.environ.get("CIFARKIT_DATA")
    return expanded(named) if named else _user_cache() / "cifarkit"


def expanded(path: str | Path) -> Path:
    """Expand a leading `~`; without such a home, do not change the path.

    >>> expanded("~nobody-of-that-name/data").as_posix()
    '~nobody-of-that-name/data'
    """
    try:
        return Path(path).expanduser()
    except (RuntimeError, ValueError):  # a bad name is an error where it is used
        return Path(path)


def home_is_known() -> bool:
    """Return whether the system knows the user's home; in some containers it does not."""
    try:
        return bool(Path.home())
    except RuntimeError:
        return False


def _user_cache() -> Path:
    named = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    if named and Path(named).is_absolute():
        return Path(named)
    if not home_is_known():
        return Path(tempfile.gettempdir())
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
