"""Import the variants of a single file, as `--import FILE` does."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path

from cifarkit.errors import RegistryError
from cifarkit.models.registry import registry

__all__ = ["import_file"]


def import_file(path: str | Path) -> None:
    """Run a Python file that registers variants, as `--import FILE` does.

    Raises:
        RegistryError: the file is missing or fails; nothing it registered stays.
    """
    path = Path(path)
    if not path.is_file():
        raise RegistryError(f"there is no file {str(path)!r} to import models from")
    # The folder in the name makes two files called models.py two modules.
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    name = f"cifarkit_imported_{path.stem}_{digest[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RegistryError(f"{str(path)!r} must be a Python file, ending in .py")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses and pickles look their module up
    try:
        with registry.all_or_nothing(), contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        if before is not None:
            sys.modules[name] = before  # an earlier run of the file, whose variants stay
        location = _location(error, path, spec.origin)
        raise RegistryError(f"{location}: {type(error).__name__}: {error}") from error


def _location(error: BaseException, path: Path, origin: str | None) -> str:
    """Return the line of the file that failed, or the file."""
    if isinstance(error, SyntaxError) and error.filename == origin:
        return f"{path}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == origin:
            return f"{path}:{frame.lineno}"
    return str(path)
