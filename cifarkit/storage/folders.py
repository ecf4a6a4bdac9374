"""Where cifarkit keeps what it can make again."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

__all__ = ["data_folder"]


def data_folder() -> Path:
    """Return the folder for data sets: `$CIFARKIT_DATA`, else one in the user's cache folder.

    Nothing is created.
    """
    named = os.environ.get("CIFARKIT_DATA")
    return Path(named).expanduser() if named else _user_cache() / "cifarkit"


def _user_cache() -> Path:
    named = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    if named and Path(named).is_absolute():
        return Path(named)
    try:
        home = Path.home()
    except RuntimeError:  # no home at all, as in some containers
        return Path(tempfile.gettempdir())
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache")
