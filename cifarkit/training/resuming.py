"""Restore everything that a training needs between two steps from a checkpoint.

Order, augmentation and dropout are keyed by seed, epoch and step, so they need no generator
states; these are kept for callbacks that draw from the global generators.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from cifarkit.data.image_set import ImageSet
from cifarkit.errors import CallbackError, CheckpointError
from cifarkit.models.state import restore_state
from cifarkit.randomness import set_generator_states
from cifarkit.runs.checkpoint import CheckpointFiles
from cifarkit.runs.facts import Facts, current_record
from cifarkit.runs.folder import RunFolder, check_epochs
from cifarkit.runs.history import History
from cifarkit.runs.identity import conditions_of, factors_of, has_comparable_code
from cifarkit.runs.run import Run
from cifarkit.runs.weights import differences
from cifarkit.training.callback import Callback, qualified_name
from cifarkit.training.longer import check_longer, is_longer
from cifarkit.training.metrics import EpochMetrics
from cifarkit.warn import warn

if TYPE_CHECKING:
    from cifarkit.training.ledger import Ledger

__all__ = ["load_checkpoint", "restore", "restore_callbacks"]


def load_checkpoint(
    path: Path, run: Run, callbacks: Sequence[Callback], train: ImageSet
) -> Run | dict[str, Any] | None:
    """Read the checkpoint or the finished run in a folder; change nothing.

    Args:
        path: the path of the folder.
        run: the run as it is asked for now, with the network that gets the weights.
        callbacks: the callbacks of the training.
        train: its training images.

    Returns:
        The run, if it is over and no more epochs are asked for; else the state to resume from; None
        if the folder holds no checkpoint, so that the run begins.

    Raises:
        RunFolderError: `run.json` cannot be read.
        CheckpointError: the folder holds another run, or damaged checkpoints.
    """
    folder = RunFolder(path)
    if not folder.holds_run():
        return None
    about = folder.about()
    _check_same_run(about, run, str(path))
    if is_longer(run, about):
        check_longer(run, about, train, str(path))
    elif folder.is_over():
        over = folder.load(like=run)
        check_epochs(over)
        return over
    files = CheckpointFiles(path)
    state = files.load() or files.load_final()
    if state is None and folder.is_over():
        raise CheckpointError(
            f"the run in {str(path)!r} is over, and the state of its optimiser was not kept; for "
            "more epochs train again, in another run_dir"
        )
    if state is not None:
        state["about"] = current_record(state["about"])
        _check_same_run(state["about"], run, str(path))  # it may be from another run
        if about["facts"].test is not None:  # scored when it was over
            state["about"]["facts"].test = about["facts"].test
        _check_same_network(run.model, state["model"], str(path))
        _partners(callbacks, state)
        _warn_of_differences(state["about"], run.describe())
    return state


def restore(ledger: Ledger, saved: dict[str, Any]) -> None:
    """Restore a run from a saved state; `restore_callbacks` then restores its callbacks.

    Raises:
        CheckpointError: other layers are frozen, or a callback had added weights to the optimiser;
            nothing is changed.
    """
    run, state = ledger.run, ledger.run.state
    theirs, ours = (
        [len(group["params"]) for group in groups["param_groups"]]
        for groups in (saved["optimizer"], state.optimizer.state_dict())
    )
    if len(theirs) != len(ours):
        raise CheckpointError(
            f"the run's optimiser had {len(theirs)} groups of weights, here it has {len(ours)}: "
            "groups that a callback adds cannot be restored"
        )
    if theirs != ours:
        raise CheckpointError(
            f"the run trains {sum(theirs)} weight tensors, the network here has {sum(ours)} that "
            "are not frozen; freeze the same layers"
        )
    run.history = History(saved["history"])
    state.epoch, first_step = saved["place"]["epoch"], saved["place"]["step"]
    state.loss, ledger.first_step = saved["loss"], first_step
    run.load_log(saved["logged"])
    restore_state(run.model, saved["model"], saved.get("versions"))
    ledger.average.load_state_dict(saved["average"])
    _load_optimizer(state.optimizer, saved["optimizer"])
    ledger.began = time.perf_counter() - (saved["seconds"] if first_step else 0.0)
    if saved["sums"] is not None:
        ledger.metrics = EpochMetrics(run, ledger.engine.device, ledger.average)
        ledger.metrics.load_state_dict(saved["sums"], ledger.engine.distributed)
    before: Facts = saved["about"]["facts"]
    position = f"epoch {state.epoch + 1}, step {first_step + 1}"
    facts = run.facts
    facts.changed_by_callbacks = before.changed_by_callbacks
    facts.test_read_by += [name for name in before.test_read_by if name not in facts.test_read_by]
    facts.tests_before = before.tests_before
    if before.test is not None:  # the run was scored before it got more epochs
        facts.tests_before.append(before.test)
    facts.started, facts.resumed = before.started, [*before.resumed, position]
    facts.seconds = sum(record["seconds"] for record in run.history)
    facts.seconds += saved["seconds"] if first_step else 0.0


def _load_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    optimizer.load_state_dict(saved)
    # Fused steps read weights and state in memory order, which must be the same for both.
    for weight, state in optimizer.state.items():
        for name, tensor in state.items():
            if isinstance(tensor, Tensor) and tensor.shape == weight.shape:
                state[name] = torch.empty_like(weight, dtype=tensor.dtype).copy_(tensor)


def restore_callbacks(run: Run, callbacks: Sequence[Callback], state: dict[str, Any]) -> None:
    """Restore the states of callbacks; each state goes to the next callback of its class.

    A new callback, or one without a state, starts from the beginning. Modes of layers that
    callbacks had set, and frozen weights, are restored too.

    Raises:
        CallbackError: a callback does not take its state.
    """
    for callback, saved in _partners(callbacks, state):
        try:
            callback.load_state_dict(saved)
        except Exception as error:
            raise CallbackError(
                f"{type(callback).__name__}.load_state_dict raised {type(error).__name__}: {error}"
            ) from error
    # Schedulers that a callback makes at its start set rates and settings; this restores the run's.
    _load_optimizer(run.state.optimizer, state["optimizer"])
    if "training" in state:
        for name, layer in run.model.named_modules():
            layer.training = name in state["training"]
        held = {id(w) for group in run.state.optimizer.param_groups for w in group["params"]}
        for name, weight in run.model.named_parameters():
            if id(weight) in held:
                weight.requires_grad_(name not in state["frozen"])
    set_generator_states(state["generators"])  # last: the code above may draw numbers


def _partners(
    callbacks: Sequence[Callback], state: dict[str, Any]
) -> list[tuple[Callback, dict[str, Any]]]:
    """Pair callbacks with their states: first by the same repr, then by the same class.

    Raises:
        CheckpointError: a state is left over.
    """
    waiting, pairs = list(callbacks), []
    for saved in state["callbacks"]:
        alike = [callback for callback in waiting if qualified_name(callback) == saved["kind"]]
        alike.sort(key=lambda callback: repr(callback) != saved["settings"])
        if alike:
            waiting.remove(alike[0])
            pairs.append((alike[0], saved["state"]))
        elif saved["state"]:
            raise CheckpointError(
                f"the run was trained with {saved['settings']}, which has a state; give it again"
            )
    return pairs


def _check_same_run(theirs: dict[str, Any], run: Run, where: str) -> None:
    """Refuse to resume if the run in the folder is another run.

    Args:
        theirs: `Run.describe` of the run in the folder.
        run: the run that is asked for now.
        where: the run's folder, for the message.

    Raises:
        CheckpointError: recipe, seed, classes, data or recorded columns differ.
    """
    ours = run.describe()
    there, here = factors_of(theirs), factors_of(ours)
    if is_longer(run, theirs):
        there["epochs"] = here["epochs"]  # `check_longer` checks these
    then, now = (about["facts"]["environment"]["versions"]["torch"] for about in (theirs, ours))
    if then != now:
        here["layers"] = there["layers"]  # another torch may print the same layers differently
    if not (run.variant and run.variant.is_user_code and has_comparable_code(theirs, ours)):
        here["code"] = there["code"]  # an installed package has a version
    lines = [
        f"{name}: {there.get(name)!r} there, {here.get(name)!r} here"
        for name in there | here
        if there.get(name) != here.get(name)
    ]
    if lines:
        raise CheckpointError(
            "\n  ".join(
                [
                    f"the run in {where!r} is another run, so it cannot resume here; use its "
                    "settings, or choose another run_dir:",
                    *lines,
                ]
            )
        )


def _check_same_network(model: nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """Refuse the weights of another network.

    Raises:
        CheckpointError: the message lists tensors that are missing, extra or of another shape.
    """
    lines = differences(model.state_dict(), tensors)
    if lines:
        raise CheckpointError("\n  ".join([f"the run in {where!r} has another network:", *lines]))


def _warn_of_differences(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """Warn, once, if the machine or its software is not the same as for the steps before."""
    then, now = conditions_of(theirs), conditions_of(ours)
    if has_comparable_code(theirs, ours):  # of the recipe's classes: another builder is refused
        then["code"], now["code"] = factors_of(theirs)["code"], factors_of(ours)["code"]
    lines = [
        f"{name} {then[name]} then, {now[name]} now" for name in then if then[name] != now[name]
    ]
    if lines:
        warn(
            "the run resumes, but not bit for bit as if it had never stopped, because this is "
            f"different: {'; '.join(lines)}",
        )
