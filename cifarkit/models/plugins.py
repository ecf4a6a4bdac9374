"""Load the variants of installed packages, by entry point.

A package offers its variants with this in its pyproject.toml::

    [project.entry-points."cifarkit.models"]
    my_package = "my_package.models"      # a module whose import registers them
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points

from cifarkit.warn import warn

__all__ = ["load_entry_points"]

GROUP = "cifarkit.models"


Transaction = Callable[[], contextlib.AbstractContextManager[None]]


def load_entry_points(transaction: Transaction) -> None:
    """Load every installed plugin; a broken one warns once, by name, and leaves nothing behind.

    Args:
        transaction: makes a context manager that undoes what was registered in its block if it
            fails.
    """
    for entry in entry_points(group=GROUP):
        try:
            _load(entry, transaction)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - any error of a plugin
            warn(
                f"the plugin {entry.name!r} ({entry.value}) is left out: "
                f"{type(error).__name__}: {error}. Repair or uninstall it",
            )


def _load(entry: EntryPoint, transaction: Transaction) -> None:
    # What a plugin prints must not land in the output of `cifarkit models --json`.
    with transaction(), _globals_kept(), contextlib.redirect_stdout(sys.stderr):
        entry.load()


@contextlib.contextmanager
def _globals_kept() -> Iterator[None]:
    """Restore the global generators and torch's default type after a plugin's import."""
    python_state = random.getstate()
    torch = sys.modules.get("torch")
    numpy = sys.modules.get("numpy")
    torch_state = torch and (torch.get_rng_state(), torch.get_default_dtype())
    numpy_state = numpy and numpy.random.get_state()
    try:
        yield
    finally:
        random.setstate(python_state)
        # Listing needs no torch, so the plugin may have been the first to import it; then it
        # gets the state of a fresh import.
        if torch := sys.modules.get("torch"):
            state, dtype = torch_state or (torch.Generator().get_state(), torch.float32)
            torch.set_rng_state(state)
            torch.set_default_dtype(dtype)
        if numpy := sys.modules.get("numpy"):
            numpy.random.set_state(numpy_state) if numpy_state else numpy.random.seed()
