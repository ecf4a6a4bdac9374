"""Whether steps are made by hand, or recorded and played again."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import torch

from cifarkit.randomness import preserved
from cifarkit.training.callback import is_foreign, listens
from cifarkit.training.forward import Compile
from cifarkit.training.preparation import first_batch
from cifarkit.training.recorded_step import RecordedStep, Step
from cifarkit.training.run import Run

if TYPE_CHECKING:
    from cifarkit.training.trainer import Trainer

__all__ = ["choose_step", "may_record"]


def may_record(compiled: Compile, device: torch.device, precision: torch.dtype) -> bool:
    """Tell whether steps are recorded: on CUDA, but by `"auto"` not in strict float32.

    There a rate that lies in a tensor would change last digits.
    """
    is_strict = precision == torch.float32 and compiled == "auto"
    return device.type == "cuda" and compiled != "off" and not is_strict


def choose_step(trainer: Trainer, run: Run) -> Step:
    """Return what makes the steps of the epoch that begins.

    A step is recorded where nothing in Python has a say in it: neither the network, nor a hook of a
    layer, a weight or the optimiser, nor a callback between gradients and step, nor, at any batch,
    a callback that is not cifarkit's own. Nothing may wait for the GPU, and the optimiser has to
    say that it can be recorded. Where a foreign callback may have changed the network between
    epochs, all is looked at once more.
    """
    now = run.now
    foreign = [one for one in trainer.callbacks if is_foreign(one)]
    may_have_changed = any(listens(one, "on_epoch_start", "on_epoch_end") for one in foreign)
    if now.make_step is not None and not may_have_changed:
        return now.make_step
    by_hand = partial(trainer.make_step, run)
    is_heard = any(listens(one, "on_backward_end") for one in trainer.callbacks) or any(
        listens(one, "on_batch_start", "on_batch_end") for one in foreign
    )
    records = (
        trainer.may_record
        and now.processes.count == 1
        and vars(type(trainer.recipe.optimizer)).get("recordable", False)
        and not is_heard
        and _network_decides_nothing(trainer, run)
    )
    run.facts.setdefault("steps_recorded", False)
    if not records:
        return by_hand
    noted = partial(run.facts.update, steps_recorded=True)
    return RecordedStep(by_hand, now.optimizer, trainer.device, noted)


def _network_decides_nothing(trainer: Trainer, run: Run) -> bool:
    from cifarkit.training.tracing import decides_nothing, has_hooks  # no CPU needs them
    from cifarkit.training.waiting import waits

    began, recipe, now = time.perf_counter(), trainer.recipe, run.now
    batch = first_batch(now.splits.train, recipe, seed=trainer.seed, epoch=now.epoch)
    with preserved(), trainer.arithmetic():
        answer = (
            not has_hooks(run.model, now.optimizer)
            and decides_nothing(run.model, batch, recipe.label_smoothing)
            and not waits(run.model, batch, recipe.label_smoothing, trainer.device)
        )
    seconds = time.perf_counter() - began
    run.facts["warm_up_seconds"] += seconds
    now.began += seconds  # the epoch has not begun
    return answer
