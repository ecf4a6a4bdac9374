"""Keeping the books of a run in its folder, where it has one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cifarkit.training.callback import Callback
from cifarkit.training.checkpoint_files import CheckpointFiles
from cifarkit.training.resuming import state_of
from cifarkit.training.run import Run
from cifarkit.training.run_folder import RunFolder

__all__ = ["recorded", "save", "save_checkpoint"]


def save(run: Run) -> None:
    """Write what is known of the run so far.

    Raises:
        RunFolderError: the disk refuses.
    """
    if run.folder is not None:
        RunFolder(run.folder).save(run)


def save_checkpoint(run: Run, callbacks: Sequence[Callback], *, epoch: int, step: int) -> None:
    """Write what the run can be taken up from.

    Args:
        run: between two steps.
        callbacks: that listen to it.
        epoch: of the next step, counted from 0.
        step: the next one within the epoch, counted from 0.

    Raises:
        RunFolderError: the disk refuses; the checkpoints before are still there.
        CheckpointError: a callback's state holds what cannot be saved.
    """
    run.now.checkpoint_wanted = False
    if run.folder is not None:
        RunFolder(run.folder).save_checkpoint(state_of(run, callbacks, epoch=epoch, step=step))
        save(run)


@contextmanager
def recorded(run: Run) -> Iterator[None]:
    """Keep the books of a training for a block, however the block ends.

    They are there from the beginning, and gone again when not one step was made: what stopped the
    training was then a mistake in how it was called, and the mended call may use the folder.
    Checkpoints are gone when the run is over.

    Args:
        run: about to train.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    folder = None if run.folder is None else RunFolder(run.folder)
    is_new = folder is not None and not folder.holds_run()
    run.facts.setdefault("started", time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    began = time.perf_counter() - run.facts.get("seconds", 0.0)
    if is_new:  # one that is gone on with stays as it is until its callbacks are ready
        save(run)
    status = "failed"
    try:
        yield
        status = _how_it_ended(run)
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        has_stepped = run.now.has_stepped
        run.facts |= {"status": status, "seconds": time.perf_counter() - began}
        run.model.eval()
        run.moment = None
        if folder is not None and (has_stepped or run.is_over):
            folder.save_weights(run.model)
            folder.save(run)
            if run.is_over:
                CheckpointFiles(folder.path).discard()
        elif folder is not None and is_new:
            folder.discard()


def _how_it_ended(run: Run) -> str:
    if run.stopped is not None:
        return "stopped"
    return "finished" if len(run.history) == run.recipe.epochs else "interrupted"
