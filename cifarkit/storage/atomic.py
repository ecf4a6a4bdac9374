"""Write a file whole or not at all.

The bytes go to a temporary file in the same folder, are forced to disk, and only then take the
final name in one step. A reader, or a crash, sees the old file or the new one, never a half.
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

PREFIX, SUFFIX = ".", ".part"  # of the names that nobody else gives


def check_new(path: Path, *, otherwise: str = "name") -> None:
    """Refuse a name that is taken, because nothing of a user's is overwritten.

    Args:
        path: of a file or folder that is to be made.
        otherwise: what the user can choose another of.

    Raises:
        RunFolderError: there is something.

    >>> check_new(Path("no such folder") / "report.html")
    """
    if os.path.lexists(path):  # a link that leads nowhere would be replaced, too
        raise RunFolderError(
            f"there is a {str(path)!r} already, and nothing is overwritten; choose another "
            f"{otherwise}"
        )


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the name `path` when the block ends well.

    When the block raises, the temporary file is removed and `path` is as it was.

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
        with suppress(FileNotFoundError):  # gone when all went well
            temporary.unlink()


def leftovers(folder: Path) -> list[Path]:
    """List what a program that was killed while it wrote has left half-written.

    Raises:
        OSError: it is no folder, or cannot be read.
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


def rename(settled: Path, path: Path) -> None:
    """Give a file that is on disk another name in one step, and force that to disk.

    Raises:
        OSError: `path` is a folder.
    """
    settled.replace(path)
    _sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a whole text file atomically, as UTF-8 with the line ends as given."""
    write_bytes(path, content.encode())


def write_new_text(path: str | Path, content: str) -> None:
    """Write a whole text file where a user says, if there is none; a leading `~` is their home.

    Raises:
        RunFolderError: the name is taken.
        OSError: the disk refuses.
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
    """Force the folder's own entry to disk, where the system can (Windows cannot).

    The file is whole and under its name by now, so what fails here is no reason to say that it
    was not written: some network folders know no such thing.
    """
    if os.name == "nt":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
