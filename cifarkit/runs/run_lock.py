"""One program at a time trains in a run folder."""

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
    """Make a run folder, and keep it to this program for a block.

    The system frees the lock of a program that dies, and the file is gone after the block; so is a
    folder in which nothing was written. A run that is over is only read, by as many as like to.

    Args:
        folder: to train in, if any.
        go_on: it may hold a run already.

    Raises:
        RunFolderError: another program trains there, it holds something else, or it cannot be made.
    """
    if folder is None or (go_on and folder.is_over()):
        yield
        return
    from filelock import FileLock, Timeout  # here, as most trainings have no folder to lock

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
        pass  # some disks know no locks; one that cannot be written says so when the run is saved
    try:
        yield
    finally:
        with suppress(OSError):  # not there any more, or Windows, which takes it away by itself
            path.unlink()
        lock.release()
        with suppress(OSError):  # there is something in it: as it should be
            folder.path.rmdir()


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") or "unknown"
    except OSError:
        return "unknown"
