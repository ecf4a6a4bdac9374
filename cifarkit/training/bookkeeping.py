"""Keeping the books of a run in its folder, where it has one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cifarkit.errors import CallbackError
from cifarkit.models.state import versions_of
from cifarkit.randomness import generator_states
from cifarkit.training.callback import Callback, kind_of
from cifarkit.training.checkpoint_files import CheckpointFiles
from cifarkit.training.longer import has_same_rates
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


def save_checkpoint(run: Run, callbacks: Sequence[Callback], epoch: int, step: int) -> None:
    """Write what the run can be taken up from; where several processes train, all have to ask.

    Args:
        run: between two steps.
        callbacks: that listen to it.
        epoch: of the next step, counted from 0.
        step: the next one within the epoch, counted from 0.

    Raises:
        RunFolderError: the disk refuses; the checkpoints before are still there.
        CheckpointError: a callback's state holds what cannot be saved.
        NonFiniteLossError: a loss of this epoch, or a weight, is no number.
    """
    now = run.now
    if now.sums is not None:
        now.sums.check(now)
    now.checkpoint_wanted = False
    sums = now.sums.state_dict(now.processes) if step and now.sums is not None else None
    if run.folder is not None:
        state = _run_state(run, callbacks, epoch=epoch, step=step, sums=sums)
        RunFolder(run.folder).save_checkpoint(state)
        save(run)


def _run_state(
    run: Run,
    callbacks: Sequence[Callback],
    *,
    epoch: int,
    step: int,
    sums: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return what a resumed run must know.

    Args:
        run: between two steps.
        callbacks: that listen to it, and may have something in hand themselves.
        epoch: of the next step, counted from 0.
        step: the next one within the epoch, counted from 0.
        sums: what the epoch has added up to so far, over all processes; None between epochs.
    """
    now = run.now
    return {
        "about": run.describe(),
        "place": {"epoch": epoch, "step": step},
        "history": list(run.history),
        "seconds": time.perf_counter() - now.began,
        "logged": run.logged() if step else {},
        "sums": sums,
        "model": run.model.state_dict(),
        "versions": versions_of(run.model),
        "average": now.average.state_dict(),
        "optimizer": now.optimizer.state_dict(),
        "training": [name for name, layer in run.model.named_modules() if layer.training],
        "frozen": [name for name, w in run.model.named_parameters() if not w.requires_grad],
        "generators": generator_states(),
        "loss": None if now.loss is None else now.loss.detach(),
        "callbacks": [
            {"kind": kind_of(one), "settings": repr(one), "state": _callback_state(one)}
            for one in callbacks
        ],
    }


def _callback_state(callback: Callback) -> dict[str, Any]:
    try:
        state = callback.state_dict()
    except Exception as error:
        raise CallbackError(
            f"{type(callback).__name__}.state_dict raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(state, dict):
        raise CallbackError(f"{type(callback).__name__}.state_dict returned {state!r}, no dict")
    return state


@contextmanager
def recorded(run: Run) -> Iterator[None]:
    """Keep the books of a training for a block, however the block ends.

    They are there from the beginning, and gone again when not one step was made: what stopped the
    training was then a mistake in how it was called, and the mended call may use the folder.
    Checkpoints are gone when the run is over, but for the one from which it can get more epochs.

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
        has_stepped, steps = run.now.has_stepped, run.now.steps_per_epoch
        run.facts |= {"status": status, "seconds": time.perf_counter() - began}
        run.model.eval()
        run.moment = None
        if folder is not None and (has_stepped or run.is_over):
            folder.save_weights(run.model)
            folder.save(run)
            if run.is_over:
                CheckpointFiles(folder.path).close(keep_final=_can_be_longer(run, steps))
        elif folder is not None and is_new:
            folder.discard()


def _can_be_longer(run: Run, steps: int) -> bool:
    return run.status == "finished" and has_same_rates(run.recipe, run.recipe.epochs + 1, steps)


def _how_it_ended(run: Run) -> str:
    if run.stopped is not None:
        return "stopped"
    return "finished" if len(run.history) == run.recipe.epochs else "interrupted"
