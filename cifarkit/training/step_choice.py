"""Whether steps are made by hand, or recorded and played again."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import torch

from cifarkit.randomness import preserved
from cifarkit.training.callback import is_foreign, listens
from cifarkit.training.forward import Compile
from cifarkit.training.preparation import batches_of
from cifarkit.training.recorded_step import RecordedStep, Step, is_held
from cifarkit.training.run import Run

if TYPE_CHECKING:
    from cifarkit.training.trainer import Trainer

__all__ = ["choose_step", "may_record"]


def may_record(compiled: Compile, device: torch.device, precision: torch.dtype) -> bool:
    """Return whether steps are recorded: on CUDA, but by `"auto"` not in strict float32.

    In float32 a learning rate that is held in a tensor changes last digits.
    """
    is_strict = precision == torch.float32 and compiled == "auto"
    return device.type == "cuda" and compiled != "off" and not is_strict


def choose_step(trainer: Trainer, run: Run) -> Step:
    """Return what makes the steps of the epoch that begins.

    A step is recorded where nothing in Python has a say in it: neither the network, nor a hook of a
    layer, a weight or the optimiser, nor a callback between gradients and step, nor, at any batch,
    a callback that is not cifarkit's own. Nothing may wait for the GPU, and the optimiser has to
    say that it can be recorded. Where one of these is not so, the run's facts say which. Where a
    foreign callback may have changed the network between epochs, all is looked at once more.
    """
    now = run.now
    foreign = [one for one in trainer.callbacks if is_foreign(one)]
    may_have_changed = any(listens(one, "on_epoch_start", "on_epoch_end") for one in foreign)
    if now.make_step is not None and not may_have_changed:
        return now.make_step
    now.make_step = None  # first, so that the memory of a recording is free
    by_hand = partial(trainer.make_step, run)
    run.facts.setdefault("steps_recorded", False)
    run.facts.pop("steps_by_hand_because", None)
    if not trainer.may_record:
        return by_hand
    reason = _who_has_a_say(trainer, run) or _what_forbids_it(trainer, run)
    if reason is not None:
        run.facts["steps_by_hand_because"] = reason
        return by_hand
    noted = partial(run.facts.update, steps_recorded=True)
    return RecordedStep(by_hand, now.optimizer, trainer.device, noted)


def _who_has_a_say(trainer: Trainer, run: Run) -> str | None:
    """Name what Python does at every step beside the step, if anything."""
    from cifarkit.training.tracing import has_hooks  # no CPU needs it

    if run.now.processes.count > 1:
        return "several processes train together"
    optimizer = type(trainer.recipe.optimizer)
    if not vars(optimizer).get("recordable", False):
        return f"{optimizer.__name__} does not say that it is recordable"
    for one in trainer.callbacks:
        if listens(one, "on_backward_end"):
            return f"{type(one).__name__} comes between gradients and step"
        if is_foreign(one) and listens(one, "on_batch_start", "on_batch_end"):
            return f"{type(one).__name__} comes at every batch"
    if has_hooks(run.model, run.now.optimizer):
        return "a layer, a weight or the optimiser has a hook"
    return None


def _what_forbids_it(trainer: Trainer, run: Run) -> str | None:
    """Name what in the network a recording cannot hold, if anything; it takes a moment."""
    from cifarkit.training.tracing import decides_nothing, is_known  # no CPU needs them
    from cifarkit.training.waiting import waits

    began, recipe, now = time.perf_counter(), trainer.recipe, run.now
    batch = next(
        batches_of(now.splits.train, recipe, run.model, seed=trainer.seed, epoch=now.epoch)
    )
    reason = None
    with preserved(), trainer.arithmetic():
        if is_held(run.model):
            reason = (
                "a loss, an answer of the network or the traceback of an error is still held, and "
                "with it the way back through the network"
            )
        elif not (is_known(run.model) or decides_nothing(run.model, batch, recipe.label_smoothing)):
            reason = "Python may have a say in the network"
        elif waits(run.model, batch, recipe.label_smoothing, trainer.device):
            reason = "the network waits for the GPU"
    seconds = time.perf_counter() - began
    run.facts["warm_up_seconds"] += seconds
    now.began += seconds  # the epoch has not begun
    return reason
