"""Variants from elsewhere: installed packages, by entry point, and single files.

A package offers its variants with this in its pyproject.toml::

    [project.entry-points."cifarkit.models"]
    my_package = "my_package.models"      # a module whose import registers them
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import random
import sys
import traceback
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from cifarkit.errors import RegistryError
from cifarkit.models.registry import registry
from cifarkit.warn import warn

__all__ = ["import_file", "load_entry_points"]

GROUP = "cifarkit.models"


def load_entry_points() -> None:
    """Load every installed plugin; a broken one warns once, by name, and leaves nothing behind."""
    for entry in entry_points(group=GROUP):
        try:
            _load(entry)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is not our code
            warn(
                f"the plugin {entry.name!r} ({entry.value}) is left out: "
                f"{type(error).__name__}: {error}. Mend or uninstall it",
            )


def import_file(path: str | Path) -> None:
    """Run a Python file that registers variants, as `--import FILE` does.

    Raises:
        RegistryError: the file is missing or fails; nothing it registered stays.
    """
    path = Path(path)
    if not path.is_file():
        raise RegistryError(f"there is no file {str(path)!r} to import models from")
    # The folder is in the name, or two files called models.py would be one to the registry.
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
        place = _place(error, path, spec.origin)
        raise RegistryError(f"{place}: {type(error).__name__}: {error}") from error


def _load(entry: EntryPoint) -> None:
    # What a plugin prints must not land in the output of `cifarkit models --json`.
    with registry.all_or_nothing(), _globals_kept(), contextlib.redirect_stdout(sys.stderr):
        entry.load()


@contextlib.contextmanager
def _globals_kept() -> Iterator[None]:
    """Undo what a plugin's import did to the global generators and to torch's default type."""
    python_state = random.getstate()
    torch = sys.modules.get("torch")
    numpy = sys.modules.get("numpy")
    torch_state = torch and (torch.get_rng_state(), torch.get_default_dtype())
    numpy_state = numpy and numpy.random.get_state()
    try:
        yield
    finally:
        random.setstate(python_state)
        # Listing needs no torch, so the plugin may have been the first to import it; then it is
        # put back to how a fresh one is.
        if torch := sys.modules.get("torch"):
            state, dtype = torch_state or (torch.Generator().get_state(), torch.float32)
            torch.set_rng_state(state)
            torch.set_default_dtype(dtype)
        if numpy := sys.modules.get("numpy"):
            numpy.random.set_state(numpy_state) if numpy_state else numpy.random.seed()


def _place(error: BaseException, path: Path, origin: str | None) -> str:
    """Name the line of the file where it failed, or the file."""
    if isinstance(error, SyntaxError) and error.filename == origin:
        return f"{path}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == origin:
            return f"{path}:{frame.lineno}"
    return str(path)
