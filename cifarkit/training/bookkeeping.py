"""Keeping the books of a run in its folder, where it has one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from cifarkit.training.run import Run
from cifarkit.training.run_folder import RunFolder

__all__ = ["recorded", "save"]


def save(run: Run) -> None:
    """Write what is known of the run so far.

    Raises:
        RunFolderError: the disk refuses.
    """
    if run.folder is not None:
        RunFolder(run.folder).save(run)


@contextmanager
def recorded(run: Run) -> Iterator[None]:
    """Keep the books of a training for a block, however the block ends.

    The folder is there from the beginning, and gone again when not one step was made: what stopped
    the training was then a mistake in how it was called, and the mended call may use the name.

    Raises:
        RunFolderError: the folder holds something, or cannot be written.
    """
    folder = None if run.folder is None else RunFolder(run.folder)
    if folder is not None:
        folder.create()
    run.facts["started"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    begin = time.perf_counter()
    save(run)
    status = "failed"
    try:
        yield
        status = "stopped" if run.stopped else "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        has_begun = run.now.loss is not None
        run.facts |= {"status": status, "seconds": time.perf_counter() - begin}
        run.model.eval()
        run.moment = None
        if folder is not None and has_begun:
            folder.save_weights(run.model)
            folder.save(run)
        elif folder is not None:
            folder.discard()
