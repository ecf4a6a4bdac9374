"""Find out which code is the user's own, and which was installed."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Set
from importlib import metadata
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

__all__ = ["is_user_code"]

# These packages are never the user's, whether built from source or copied by hand.
FOUNDATIONS = {"cifarkit", "torch", "torchvision", "numpy", "builtins"}


def is_user_code(thing: Any) -> bool:
    """Return whether a function, class or module comes from the user's own files.

    Scripts, notebooks and single modules are the user's, and so is a package in editable mode (`pip
    install -e`), because its files still change. Python's library is not the user's. Neither are
    the files of an installed distribution, in any folder: `site-packages`, a user site, a
    `--target` folder, or one that `PYTHONPATH` or a `.pth` file names. A file with the name of an
    installed module, but in another folder, is the user's.

    >>> from pathlib import Path
    >>> is_user_code(Path), is_user_code(is_user_code)
    (False, False)
    """
    name = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", None)
    if not isinstance(name, str):  # as after exec() of a text
        return isinstance(thing, FunctionType)
    package = name.partition(".")[0]
    if package == "__main__":  # a script or a notebook, in any program
        return True
    if package in FOUNDATIONS:
        return False
    file = _file_of(thing, name, package)
    if not file.endswith(".py") and package in sys.stdlib_module_names:  # compiled or zipped
        return False
    # Modules made while a program runs, and folders without an __init__.py, have only a name.
    locations = _locations(file) if file else [(folder, package) for folder in sys.path]
    return not any(top in _installed_names(folder, _changed(folder)) for folder, top in locations)


def _file_of(thing: Any, name: str, package: str) -> str:
    """Return the file of an object's module, or of its package, or an empty text."""
    module = thing if isinstance(thing, ModuleType) else sys.modules.get(name)
    for candidate in (module, sys.modules.get(package)):
        # Not by getattr: some modules make up an attribute for every name.
        file = vars(candidate).get("__file__") if isinstance(candidate, ModuleType) else None
        if isinstance(file, str):
            return file
    # A file can be run as a module that is not in sys.modules.
    return thing.__code__.co_filename if isinstance(thing, FunctionType) else ""


@functools.cache
def _locations(file: str) -> list[tuple[str, str]]:
    """Yield each folder above a file, with the name in that folder that leads to the file.

    This is done for the path as it was imported, and for the path with links followed.
    """
    return [
        (str(folder), path.relative_to(folder).parts[0].partition(".")[0])
        for path in dict.fromkeys((Path(file), Path(os.path.realpath(file))))
        for folder in path.parents
    ]


def _changed(folder: str) -> int:
    """Return when a folder last changed: a notebook may install packages."""
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:  # deleted since
        return 0


@functools.cache
def _installed_names(folder: str, changed: int) -> Set[str]:  # noqa: ARG001
    """Return the top-level names that Python or a distribution has put into a folder."""
    if os.path.realpath(folder) in _library_folders():
        return sys.stdlib_module_names
    if folder == _debian_folder():  # its packages come without lists of their files
        return {path.name.partition(".")[0] for path in Path(folder).iterdir()}
    names: set[str] = set()
    for distribution in metadata.distributions(path=[folder]):
        files = distribution.read_text("RECORD")
        if files is None and distribution.read_text("SOURCES.txt"):
            continue  # setuptools' notes next to the sources of a project in editable mode
        tops = (distribution.read_text("top_level.txt") or "").split() or [
            line.partition(",")[0].partition("/")[0].partition(".")[0]
            for line in (files or "").splitlines()
        ]
        names.update(tops or [str(distribution.metadata["Name"]).replace("-", "_")])
    return names


@functools.cache
def _library_folders() -> set[str]:
    """Return the folders of Python's library."""
    folders = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    folders |= {str(Path(folder) / "lib-dynload") for folder in folders}
    return set(map(os.path.realpath, folders))


def _debian_folder() -> str:
    is_debian = "deb_system" in sysconfig.get_scheme_names()
    return sysconfig.get_path("purelib", "deb_system") if is_debian else ""
