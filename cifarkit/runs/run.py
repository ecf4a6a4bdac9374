"""A run: one network, one seed, one data source, trained."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from cifarkit.blocks import Block, Readable
from cifarkit.errors import TrainingError, UnknownArgumentError
from cifarkit.guidance import Guided, lacking
from cifarkit.models.code import printed
from cifarkit.models.variant import Variant
from cifarkit.recipes.recipe import Recipe
from cifarkit.runs.environment import is_first_process
from cifarkit.runs.facts import Facts
from cifarkit.runs.history import History, Record
from cifarkit.runs.state import TrainingState

__all__ = ["OVER", "Requests", "Run"]

OVER = ("finished", "stopped")  # with another status, a run still trains, or can resume

OWN_COLUMNS = ("epoch", "train_", "val_", "test_", "lr", "seconds")


@dataclass(eq=False)
class Requests:
    """What callbacks asked of a training through its run; it is done after the step.

    Args:
        interruption: whether to save and end, as Ctrl-C does.
        checkpoint: whether to save and continue.
    """

    interruption: bool = False
    checkpoint: bool = False


class Run(Guided, Readable):
    """A training and its results: callbacks get it, `fit` returns it, and `load_run` reads it.

    Args:
        model: the network; None if the run was read from a folder and the network has no registered
            name.
        classes: the names of the classes.
        recipe: how the network is trained.
        seed: the seed of order, augmentation and dropout.
        variant: what the network was built from, if a registered name.
        history: one record an epoch.
        folder: the run's folder, if there is one.
        facts: more about the run: device, precision, data, versions, times.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.training.train import train
    >>> run = train("linear", load_synthetic(n_train=200, n_test=50, val_size=20), epochs=1)
    >>> run, run.is_over, run.history.column("epoch")
    (Run('linear', seed 0, 1 epoch, finished), True, [1])
    """

    def __init__(
        self,
        model: nn.Module | None,
        *,
        classes: tuple[str, ...],
        recipe: Recipe,
        seed: int,
        variant: Variant | None = None,
        history: History | None = None,
        folder: Path | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self._model = model
        self.classes = classes
        self.recipe = recipe
        self.seed = seed
        self.variant = variant
        self.history = history if history is not None else History()
        self.folder = folder
        self.facts = facts if isinstance(facts, Facts) else Facts(**(facts or {}))
        self.requests = Requests()
        self._state: TrainingState | None = None
        self._logged: dict[str, list[float | Tensor]] = {}  # since the epoch began

    def __repr__(self) -> str:
        name = self.variant.name if self.variant else type(self._model).__name__
        name = "own network" if name == "NoneType" else name
        epochs = f"{len(self.history)} epoch{'' if len(self.history) == 1 else 's'}"
        if not self.is_over:
            epochs = f"{len(self.history)} of {self.recipe.epochs} epochs"
        way_on = f"; {self.way_on}" if self.status == "interrupted" else ""
        return f"Run({name!r}, seed {self.seed}, {epochs}, {self.status}{way_on})"

    def __call__(self, *images: Any) -> NoReturn:
        """Refuse to be called as a network, and say what to write."""
        raise UnknownArgumentError(lacking("Run", "()", ()))

    def blocks(self) -> Sequence[Block]:
        """Return a line about the run, and the table of its epochs."""
        stopped = [f"stopped: {self.stopped}"] if self.stopped else []
        return [repr(self), *self.history.blocks(), *stopped]

    @property
    def model(self) -> nn.Module:
        """The network.

        Raises:
            TrainingError: the run was read from a folder and its network has no registered name.
        """
        if self._model is None:
            raise TrainingError(
                f"the run in {str(self.folder)!r} was trained on a network without a registered "
                "name; build it yourself and call ck.load_weights(model, folder)"
            )
        return self._model

    @property
    def state(self) -> TrainingState:
        """The current state of training.

        Raises:
            TrainingError: the run is not training.
        """
        if self._state is None:
            raise TrainingError("run.state is there only while the run is training")
        return self._state

    @property
    def now(self) -> TrainingState:
        """`state`, by a shorter name."""
        return self.state

    @property
    def is_training(self) -> bool:
        """Whether the run is being trained, and has a `state`."""
        return self._state is not None

    def begin(self, state: TrainingState) -> None:
        """Give the run its state; only the trainer calls this."""
        self._state = state

    def end(self) -> None:
        """Remove the state when training is over; only the trainer calls this."""
        self._state = None

    @property
    def status(self) -> str:
        """`"running"`, `"finished"`, `"stopped"`, `"interrupted"` or `"failed"`."""
        return self.facts.status

    @property
    def is_over(self) -> bool:
        """Whether training has ended, and cannot be resumed."""
        return self.status in OVER

    @property
    def can_be_resumed(self) -> bool:
        """Whether training is not over, and can be resumed in its folder."""
        return self.folder is not None and not self.is_over

    @property
    def way_on(self) -> str:
        """How to resume the run, with the line to type; or that it is over."""
        if self.is_over:
            return "the run is over"
        return _how_to_go_on(self.variant.name if self.variant else None, self.folder)

    @property
    def stopped(self) -> str | None:
        """Why the run was stopped before its last epoch; None when it was not."""
        return self.facts.stopped

    def stop(self, reason: str) -> None:
        """End training after this step; the first reason is kept.

        Args:
            reason: the reason in words, for the run's records.
        """
        if self.stopped is None:
            self.facts.stopped = str(reason)

    def interrupt(self) -> None:
        """End training after this step and save everything needed to resume, as Ctrl-C does."""
        self.requests.interruption = True

    def checkpoint(self) -> None:
        """Ask for a checkpoint; it is written after all callbacks of this step.

        Raises:
            TrainingError: the run has no folder.
        """
        if self.folder is None and is_first_process():
            raise TrainingError("a checkpoint needs a folder: give run_dir=")
        self.requests.checkpoint = True

    def describe(self) -> dict[str, Any]:
        """Describe the run, without its numbers, as JSON types."""
        about = {
            "variant": self._described_variant,
            "classes": self.classes,
            "recipe": self.recipe.to_json(),
            "seed": self.seed,
            "facts": self.facts.to_json(),
        }
        described: dict[str, Any] = json.loads(json.dumps(about, default=printed))
        return described

    @cached_property  # finding a source line reads the whole file
    def _described_variant(self) -> dict[str, Any] | None:
        if self.variant is None:
            return None
        return {
            "name": self.variant.name,
            "options": dict(self.variant.options),
            "summary": self.variant.summary,
            "source": self.variant.source,
            "code": self.variant.code,
        }

    def log(self, name: str, value: float | Tensor) -> None:
        """Put a number into this epoch's record, as a column of that name.

        If it is logged several times in an epoch, the record holds the mean.

        Args:
            name: the name of the column.
            value: a number, or a tensor of one number, which is not copied from a GPU before the
                epoch ends.

        Raises:
            TrainingError: the trainer uses the name itself, or the value is not a number.
        """
        if not (isinstance(name, str) and name.isidentifier()) or name.startswith(OWN_COLUMNS):
            raise TrainingError(
                f"{name!r} cannot be logged: a name is letters, digits and _, and must not begin "
                f"with one of {', '.join(OWN_COLUMNS)}, which the trainer writes itself"
            )
        number: float | Tensor
        if isinstance(value, Tensor) and value.numel() == 1 and _is_of_numbers(value):
            number = value.detach().clone()  # its memory may be overwritten
        elif isinstance(value, numbers.Real) and not isinstance(value, bool) and _fits(value):
            number = float(value)
        else:
            raise TrainingError(f"run.log({name!r}, …) takes a number, found {value!r}")
        epoch = self.state.epoch  # an error if the run is not training
        self._logged.setdefault(name, []).append(number)
        if len(self.history) > epoch:  # in on_epoch_end the record is there already
            self.history[-1].update(self.logged_means())

    def logged_means(self) -> Record:
        """Return the mean of what was logged under each name in this epoch."""
        return {name: math.fsum(values) / len(values) for name, values in self.logged().items()}

    def logged(self) -> dict[str, list[float]]:
        """Return the numbers that were logged under each name in this epoch."""
        return {name: [float(value) for value in values] for name, values in self._logged.items()}

    def load_log(self, logged: dict[str, list[float]]) -> None:
        """Restore the numbers that were logged in this epoch; at its beginning there are none."""
        self._logged = {name: list(values) for name, values in logged.items()}


def _fits(value: numbers.Real) -> bool:
    try:
        float(value)
    except OverflowError:  # a whole number with hundreds of digits
        return False
    return True


def _is_of_numbers(tensor: Tensor) -> bool:
    return tensor.dtype != torch.bool and not tensor.is_complex()


def _how_to_go_on(name: str | None, run_dir: Path | None) -> str:
    """Return how to resume an interrupted training.

    Args:
        name: the name of the variant; None for a network that was given to a trainer.
        run_dir: the run's folder, if it has one.

    >>> _how_to_go_on("mlp", Path("a")).partition(": ")[2]
    "ck.train('mlp', …, run_dir='a', resume=True)"
    """
    path = f"runs/{name or 'mine'}" if run_dir is None else str(run_dir)
    folder = f"run_dir={path!r}"
    call = f"ck.train({name!r}, …, {folder}, resume=True)"
    if name is None:
        call = f"ck.Trainer(…, {folder}).fit(…, resume=True)"
    if run_dir is None:
        return (
            "the network keeps what it has learnt, but the run cannot resume: without a run_dir "
            f"nothing was saved. Next time: {call}"
        )
    return f"all is saved; the same call with resume=True resumes it: {call}"
