"""Check what a user's callback changes in its hooks: record what has an effect, refuse the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from cifarkit.errors import CallbackError
from cifarkit.runs.history import History
from cifarkit.runs.run import Run
from cifarkit.runs.state import TrainingState
from cifarkit.training.guarded_batch import check_batch
from cifarkit.training.guarded_network import Network

__all__ = ["guarded"]

# What a callback must not replace, and what to do instead.
FIXED = {
    "run.state.optimizer": "give the recipe another optimizer=, such as one of your own",
    "run.state.splits": "give ck.train the splits that it is to train on",
    "run.state.epoch": "run.stop(reason) ends the training",
    "run.state.step": "run.stop(reason) ends the training",
    "run.state.batch": "replace it in on_batch_start",
    "run.state.loss": "run.log(name, value) records a number of your own",
    "run.state": "hooks may read it, but must not change it",
    "run.history": "run.log(name, value) puts a number into it",
    "run.recipe": "give ck.train the change, such as epochs=3",
    "run.seed": "give ck.train seed=",
    "run.variant": "train the variant that you mean",
    "run.classes": "load the data with other classes",
    "run.folder": "give ck.train run_dir=",
    "run.facts": "run.log(name, value) records a number of your own",
}
# What a callback must not write into, and what to do instead.
WRITTEN = {
    "run.state.loss": FIXED["run.state.loss"],
    "run.state.splits": "change a batch in on_batch_start, or the data before training",
    "run.state.optimizer": FIXED["run.state.optimizer"],
}


@contextmanager
def guarded(run: Run, who: str, hook: str) -> Iterator[None]:
    """Compare a run before and after a hook.

    A callback may change rates, settings and state of the optimiser, hooks and modes of layers,
    weights, and which weights are frozen; the run's facts then say `changed_by_callbacks`. Weights
    are compared bit by bit, because torch does not count writes through `.data`. If a hook is
    refused or raises an error, the run and its network are restored.

    Args:
        run: the run in training.
        who: the name of the callback.
        hook: the hook that is called in the block.

    Raises:
        CallbackError: a change would have no effect on training.
    """
    caller, state, gradients = f"{who}.{hook}", run.state, torch.is_grad_enabled()
    fixed, written, history = _fixed(run), _written(state), _history(run)
    free, network = _free(state), Network(run)
    try:
        yield
        if torch.is_grad_enabled() != gradients:
            raise CallbackError(
                f"{caller} left gradients switched off; write with torch.no_grad(): around the "
                "lines that need no gradients"
            )
        _check_fixed(run, caller, fixed, may_have=hook == "on_batch_start")
        _check_written(state, caller, written)
        changed = _check_history(run, caller, history)
        network.check(caller, may_be_frozen=hook == "on_fit_end" or run.stopped is not None)
        _check_settings(state, caller, free)
        if hook == "on_batch_start":
            check_batch(run, caller, fixed["run.state.batch"])
        changed += [what for what, value in _free(state).items() if value != free[what]]
        changed += network.changes(caller, hook)
    except BaseException:
        _put_back(run, state, fixed, history)
        network.put_back()
        raise
    finally:
        torch.set_grad_enabled(gradients)
    noted = run.facts.changed_by_callbacks
    noted += [line for what in changed if (line := f"{who}: {what}") not in noted]


def _fixed(run: Run) -> dict[str, Any]:
    fields = TrainingState.__slots__
    parts = {f"run.state.{name}": getattr(run.state, name, None) for name in fields}
    kept = {f"run.{name}": value for name, value in vars(run).items() if not name.startswith("_")}
    return {"run.state": run.state, **parts, **kept}


def _check_fixed(run: Run, caller: str, before: dict[str, Any], *, may_have: bool) -> None:
    for name, value in _fixed(run).items():
        if name not in before:
            raise CallbackError(
                f"{caller} set {name}, which has no effect; run.stop(reason) ends the training, "
                "and a callback keeps its own values on self"
            )
        if value is not before[name] and not (name == "run.state.batch" and may_have):
            way = FIXED.get(name, "it is the trainer's own")
            raise CallbackError(f"{caller} replaced {name}, which training does not use; {way}")


def _put_back(
    run: Run, state: TrainingState, fixed: dict[str, Any], history: list[dict[str, Any]]
) -> None:
    """Restore the run as it was before the hook, because it is still to be saved."""
    run.begin(state)
    for name, value in fixed.items():
        of, _, field = name.rpartition(".")
        if name != "run.state" and value is not None:
            setattr(state if of == "run.state" else run, field, value)
    run.history = History(history)


def _written(state: TrainingState) -> dict[str, Any]:
    parts = (state.splits.train, state.splits.val, state.splits.test)
    tensors = [tensor for part in parts if part for tensor in (part.images, part.labels)]
    return {
        "run.state.loss": None if state.loss is None else state.loss._version,
        "run.state.splits": [tensor._version for tensor in tensors],
        "run.state.optimizer": type(state.optimizer),
    }


def _check_written(state: TrainingState, caller: str, before: dict[str, Any]) -> None:
    for name, version in _written(state).items():
        if version != before[name]:
            raise CallbackError(f"{caller} wrote into {name}; {WRITTEN[name]}")


def _history(run: Run) -> list[dict[str, Any]]:
    return [dict(record) for record in run.history]


def _check_history(run: Run, caller: str, before: list[dict[str, Any]]) -> list[str]:
    """Return in words whether numbers changed in the history, other than logged ones."""
    after, logged = _history(run), run.logged().keys()
    values = [value for record in after for value in record.values()]
    if len(before) != len(after) or not all(isinstance(value, Real) for value in values):
        raise CallbackError(
            f"{caller} left something that is not a number in run.history; {FIXED['run.history']}"
            if len(before) == len(after)
            else f"{caller} made run.history longer or shorter; it holds one record an epoch"
        )
    for record in (*before, *after):
        for name in logged & record.keys():
            del record[name]
    return [] if before == after else ["numbers in the history"]


def _free(state: TrainingState) -> dict[str, Any]:
    optimizer = state.optimizer
    own = vars(optimizer).items()  # torch's schedulers wrap `step` to count calls
    patched = {k: v for k, v in own if callable(v) and not hasattr(v, "_wrapped_by_lr_sched")}
    return {
        "the learning rate": [group.get("lr") for group in optimizer.param_groups],
        "settings of the optimiser": [
            {name: value for name, value in group.items() if name not in ("lr", "params")}
            for group in optimizer.param_groups
        ],
        "state of the optimiser": [
            (id(weight), name, id(value), value._version if isinstance(value, Tensor) else value)
            for weight, state in optimizer.state.items()
            for name, value in state.items()
        ],
        "hooks of the optimiser": [
            *(list(value) for name, value in own if name.endswith("_hooks")),
            patched,
        ],
    }


def _check_settings(state: TrainingState, caller: str, before: dict[str, Any]) -> None:
    """Refuse rates and settings that are negative or not numbers; make rates plain floats."""
    settings = before["settings of the optimiser"]
    known = [value for group in settings for value in group.values()]
    for group in state.optimizer.param_groups:
        for name, value in group.items():
            if name == "params" or (name != "lr" and any(value is one for one in known)):
                continue
            numbers = [value] if name == "lr" or isinstance(value, Real) else []
            numbers += list(value) if name == "betas" and isinstance(value, tuple | list) else []
            for number in numbers:
                if not isinstance(number, Real) or not 0 <= float(number) < math.inf:
                    raise CallbackError(
                        f"{caller} set {name} of the optimiser to {value!r}; it must be a plain "
                        "number from 0 on, such as 0.01"
                    )
        group["lr"] = float(group["lr"])
