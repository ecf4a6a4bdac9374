"""Write a file whole or not at all.

The bytes go to a temporary file in the same folder and are forced to disk. Only then the file gets
its final name, in one step. So a reader, even after a crash, sees the old file or the new one,
never a part of it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cifarkit.errors import RunFolderError
from cifarkit.storage.folders import expanded

__all__ = [
    "atomic_path",
    "check_new",
    "leftovers",
    "rename",
    "commit",
    "write_bytes",
    "write_new_text",
    "write_text",
]

PREFIX, SUFFIX = ".", ".part"  # of names that no other file has


def check_new(path: Path, *, otherwise: str = "name") -> None:
    """Refuse a name that exists already, because no file of a user is overwritten.

    Args:
        path: the path of a new file or folder.
        otherwise: the argument that the user can change, in a word.

    Raises:
        RunFolderError: the name exists.

    >>> check_new(Path("no such folder") / "report.html")
    """
    if os.path.lexists(path):  # a link that leads nowhere would be replaced, too
        raise RunFolderError(
            f"{str(path)!r} exists already, and nothing is overwritten; choose another {otherwise}"
        )


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; it gets the name `path` if the block does not raise.

    If the block raises, the temporary file is removed and `path` is not changed.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=PREFIX, suffix=SUFFIX + path.suffix)
    temporary = Path(name)
    try:
        os.close(handle)
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp allows only the owner
        commit(temporary, path)
    finally:
        with suppress(FileNotFoundError):  # already renamed if all went well
            temporary.unlink()


def leftovers(folder: Path) -> list[Path]:
    """List the half-written files that a killed program has left.

    Raises:
        OSError: it is not a folder, or cannot be read.
    """
    return [
        entry
        for entry in folder.iterdir()
        if entry.name.startswith(PREFIX) and SUFFIX in (entry.suffix, Path(entry.stem).suffix)
    ]


def commit(finished: Path, path: Path) -> None:
    """Force a finished file to disk, then give it its final name in one step.

    Raises:
        OSError: the disk is full, or `path` is a folder.
    """
    with finished.open("rb+") as file:
        os.fsync(file.fileno())
    rename(finished, path)


def rename(finished: Path, path: Path) -> None:
    """Give a file that is on disk another name in one step, and force that to disk.

    Raises:
        OSError: `path` is a folder.
    """
    finished.replace(path)
    _sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a whole text file atomically, as UTF-8 with the line ends as given."""
    write_bytes(path, content.encode())


def write_new_text(path: str | Path, content: str) -> None:
    """Write a whole text file at a new path; a leading `~` is the user's home.

    Raises:
        RunFolderError: the name exists.
        OSError: the file cannot be written.
    """
    target = expanded(path)
    check_new(target)
    write_text(target, content)


def _umask() -> int:
    # Python offers no way to read the mask without setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Force the folder's own entry to disk, if the system can (Windows cannot).

    The file is whole and has its name by now, so a failure here is not an error: some network
    folders cannot do it.
    """
    if os.name == "nt":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
