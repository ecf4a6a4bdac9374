"""A run: one network, one seed, one data source, trained."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from cifarkit.data.batches import Batch
from cifarkit.data.splits import Splits
from cifarkit.errors import TrainingError
from cifarkit.guidance import Guided
from cifarkit.models.code import printed
from cifarkit.models.variant import Variant
from cifarkit.recipes.recipe import Recipe
from cifarkit.tables import Block, Readable
from cifarkit.training.history import History, Record
from cifarkit.training.interruption import Interruption, how_to_go_on
from cifarkit.training.processes import Processes
from cifarkit.training.weight_average import WeightAverage

if TYPE_CHECKING:
    from cifarkit.training.running_sums import RunningSums

__all__ = ["OVER", "Moment", "Run"]

OVER = ("finished", "stopped")  # a run of another status is trained still, or can be gone on with

OWN_COLUMNS = ("epoch", "train_", "val_", "test_", "lr", "seconds")


@dataclass(eq=False, repr=False, slots=True)
class Moment:
    """Where training stands; there while it lasts.

    Args:
        splits: the three image sets.
        optimizer: the torch optimiser.
        steps_per_epoch: batches an epoch.
        network: what the batches go through: the model, wrapped where several processes train it.
        processes: that train it together.
        average: the running average of its weights.
        make_step: from a batch to its loss and how many of its images got their own label; the
            weights have then made a step. None before the first epoch.
        epoch: counted from 0.
        step: within the epoch, counted from 0.
        batch: what the network is given next; `on_batch_start` may replace it.
        loss: of the last batch, in nats; a tensor, still on the device and without a graph; None
            before the first.
        logged: the numbers logged since the epoch began.
        first_step: where the epoch begins: 0, but for one that is taken up in its middle.
        began: when the epoch began, on the clock of `time.perf_counter`.
        sums: what the epoch has added up to so far; None between epochs.
        interruption: whether Ctrl-C or SIGTERM has asked this process to end.
        interrupted: whether any of the processes was asked to; then all are about to end.
        checkpoint_wanted: whether a checkpoint is due after this step.
        has_stepped: whether a step was made since training was begun, or taken up.
    """

    splits: Splits
    optimizer: torch.optim.Optimizer
    steps_per_epoch: int
    network: nn.Module
    processes: Processes
    average: WeightAverage
    make_step: Callable[[Batch], tuple[Tensor, Tensor]] | None = None
    epoch: int = 0
    step: int = 0
    batch: Batch = field(init=False)
    loss: Tensor | None = None
    logged: dict[str, list[float | Tensor]] = field(default_factory=dict)
    first_step: int = 0
    began: float = 0.0
    sums: RunningSums | None = None
    interruption: Interruption = field(default_factory=Interruption)
    interrupted: bool = False
    checkpoint_wanted: bool = False
    has_stepped: bool = False


class Run(Guided, Readable):
    """What callbacks are given, `fit` returns and `load_run` reads.

    Args:
        model: the network; None where a folder was read whose network no name stands for.
        classes: the names of the classes.
        recipe: how it is trained.
        seed: of order, augmentation and dropout.
        variant: what the network was built from, if a registered name.
        history: one record an epoch.
        folder: where it is kept, if anywhere.
        facts: what else is true of it: device, precision, data, versions, times.

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
        facts: dict[str, Any] | None = None,
    ) -> None:
        self._model = model
        self.classes = classes
        self.recipe = recipe
        self.seed = seed
        self.variant = variant
        self.history = history if history is not None else History()
        self.folder = folder
        self.facts = facts if facts is not None else {}
        self.moment: Moment | None = None  # set by the trainer while it trains

    def __repr__(self) -> str:
        name = self.variant.name if self.variant else type(self._model).__name__
        epochs = f"{len(self.history)} epoch{'' if len(self.history) == 1 else 's'}"
        if not self.is_over:
            epochs = f"{len(self.history)} of {self.recipe.epochs} epochs"
        way_on = f"; {self.way_on}" if self.status == "interrupted" else ""
        return f"Run({name!r}, seed {self.seed}, {epochs}, {self.status}{way_on})"

    def blocks(self) -> Sequence[Block]:
        """Return what it is, and its epochs."""
        stopped = [f"stopped: {self.stopped}"] if self.stopped else []
        return [repr(self), *self.history.blocks(), *stopped]

    @property
    def model(self) -> nn.Module:
        """The network.

        Raises:
            TrainingError: the run was read from a folder and its network is of no registered
                name.
        """
        if self._model is None:
            raise TrainingError(
                f"the run in {str(self.folder)!r} was trained on a network without a registered "
                "name; build it yourself and call ck.load_weights(model, folder)"
            )
        return self._model

    @property
    def now(self) -> Moment:
        """Where training stands.

        Raises:
            TrainingError: it is not training.
        """
        if self.moment is None:
            raise TrainingError("run.now is there only while the run is training")
        return self.moment

    @property
    def status(self) -> str:
        """`"running"`, `"finished"`, `"stopped"`, `"interrupted"` or `"failed"`."""
        return str(self.facts.get("status", "running"))

    @property
    def is_over(self) -> bool:
        """Whether training came to its end, and will not be gone on with."""
        return self.status in OVER

    @property
    def can_be_resumed(self) -> bool:
        """Whether training did not come to its end, and can be gone on with in its folder."""
        return self.folder is not None and not self.is_over

    @property
    def way_on(self) -> str:
        """How to go on with the run, with the line to type; or that it is over."""
        if self.is_over:
            return "the run is over"
        return how_to_go_on(self.variant.name if self.variant else None, self.folder)

    @property
    def stopped(self) -> str | None:
        """Why the run was stopped before its last epoch; None when it was not."""
        return self.facts.get("stopped")

    def stop(self, reason: str) -> None:
        """End training after this step; the first reason is kept.

        Args:
            reason: in words, for the run's records.
        """
        if self.stopped is None:
            self.facts["stopped"] = str(reason)

    def checkpoint(self) -> None:
        """Ask for a checkpoint, to be written when all callbacks have heard of this step.

        Raises:
            TrainingError: the run has no folder.
        """
        if self.folder is None and self.now.processes.rank == 0:
            raise TrainingError("a checkpoint has nowhere to go: give run_dir=, a folder")
        self.now.checkpoint_wanted = True

    def describe(self) -> dict[str, Any]:
        """Return what the run is, apart from its numbers, as JSON types."""
        about = {
            "variant": self._described_variant,
            "classes": self.classes,
            "recipe": self.recipe.to_json(),
            "seed": self.seed,
            "facts": self.facts,
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

        Logged several times in an epoch, the record holds the mean.

        Args:
            name: of the column.
            value: a number, or a tensor of one, which no GPU is waited for before the epoch ends.

        Raises:
            TrainingError: the name is one of the trainer's own, or the value is no number.
        """
        if not (isinstance(name, str) and name.isidentifier()) or name.startswith(OWN_COLUMNS):
            raise TrainingError(
                f"{name!r} cannot be logged: a name is letters, digits and _, and must not begin "
                f"with one of {', '.join(OWN_COLUMNS)}, which the trainer writes itself"
            )
        number: float | Tensor
        if isinstance(value, Tensor) and value.numel() == 1 and _is_of_numbers(value):
            number = value.detach().clone()  # the place may be written to again
        elif isinstance(value, numbers.Real) and not isinstance(value, bool):
            number = float(value)
        else:
            raise TrainingError(f"run.log({name!r}, …) wants a number, found {value!r}")
        self.now.logged.setdefault(name, []).append(number)
        if len(self.history) > self.now.epoch:  # in on_epoch_end the record stands already
            self.history[-1].update(self.logged_means())

    def logged_means(self) -> Record:
        """Return the mean of what was logged under each name in this epoch."""
        return {name: math.fsum(all_) / len(all_) for name, all_ in self.logged().items()}

    def logged(self) -> dict[str, list[float]]:
        """Return what was logged under each name in this epoch, in plain numbers."""
        return {name: [float(one) for one in all_] for name, all_ in self.now.logged.items()}


def _is_of_numbers(tensor: Tensor) -> bool:
    return tensor.dtype != torch.bool and not tensor.is_complex()
