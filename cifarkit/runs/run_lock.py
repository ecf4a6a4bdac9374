"""Let only one program at a time train in a run folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cifarkit.errors import RunFolderError
from cifarkit.runs.folder import LOCK, RunFolder

__all__ = ["run_lock"]


@contextmanager
def run_lock(folder: RunFolder | None, *, go_on: bool) -> Iterator[None]:
    """Make a run folder, and lock it for this program during a block.

    The system frees the lock of a program that dies. After the block the lock file is deleted, and
    also a folder in which nothing was written. A run that is over is only read, so it needs no
    lock.

    Args:
        folder: the folder to train in, if any.
        go_on: whether it may hold a run already.

    Raises:
        RunFolderError: another program trains there, or the folder holds other files or cannot be
            made.
    """
    if folder is None or (go_on and folder.is_over()):
        yield
        return
    from filelock import FileLock, Timeout  # here, because most trainings have no folder to lock

    folder.create(go_on=go_on)
    path = folder.path / LOCK
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
        path.write_text(str(os.getpid()), encoding="utf-8")
    except Timeout as error:
        raise RunFolderError(
            f"the run in {str(folder.path)!r} is being trained by another program (process "
            f"{_holder(path)}); wait for its end, or stop it, or choose another run_dir"
        ) from error
    except (OSError, NotImplementedError):
        pass  # some disks have no locks; if this one cannot be written, saving the run says so
    try:
        yield
    finally:
        with suppress(OSError):  # it is gone already, or Windows, which deletes it itself
            path.unlink()
        lock.release()
        with suppress(OSError):  # there are files in it, as there should be
            folder.path.rmdir()


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") or "unknown"
    except OSError:
        return "unknown"
