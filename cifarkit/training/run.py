"""A run: one network, one seed, one data source, trained."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cifarkit.data.batches import Batch
from cifarkit.data.splits import Splits
from cifarkit.errors import TrainingError
from cifarkit.models.variant import Variant
from cifarkit.recipes.recipe import Recipe
from cifarkit.training.history import History, Record
from cifarkit.training.processes import Processes
from cifarkit.training.weight_average import WeightAverage

__all__ = ["Moment", "Run"]

OWN_COLUMNS = ("epoch", "train_", "val_", "test_", "lr", "seconds")


@dataclass
class Moment:
    """Where training stands; there while it lasts.

    Args:
        splits: the three image sets.
        optimizer: the torch optimiser.
        steps_per_epoch: batches an epoch.
        network: what the batches go through: the model, wrapped where several processes train it.
        processes: that train it together.
        average: the running average of its weights.
        epoch: counted from 0.
        step: within the epoch, counted from 0.
        batch: what the network is given next; `on_batch_start` may replace it.
        loss: of the last batch, in nats; a tensor, still on the device; None before the first.
        logged: the numbers logged since the epoch began.
    """

    splits: Splits
    optimizer: torch.optim.Optimizer
    steps_per_epoch: int
    network: nn.Module
    processes: Processes
    average: WeightAverage
    epoch: int = 0
    step: int = 0
    batch: Batch = field(init=False)
    loss: Tensor | None = None
    logged: dict[str, list[float]] = field(default_factory=dict)


class Run:
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
        return f"Run({name!r}, seed {self.seed}, {epochs}, {self.status})"

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

    def log(self, name: str, value: float) -> None:
        """Put a number into this epoch's record, as a column of that name.

        Logged several times in an epoch, the record holds the mean.

        Raises:
            TrainingError: the name is one of the trainer's own, or the value is no number.
        """
        if not name.isidentifier() or name.startswith(OWN_COLUMNS):
            raise TrainingError(
                f"{name!r} cannot be logged: a name is letters, digits and _, and must not begin "
                f"with one of {', '.join(OWN_COLUMNS)}, which the trainer writes itself"
            )
        number = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
        if isinstance(number, bool) or not isinstance(number, numbers.Real):
            raise TrainingError(f"run.log({name!r}, …) wants a number, found {value!r}")
        self.now.logged.setdefault(name, []).append(float(number))
        if len(self.history) > self.now.epoch:  # in on_epoch_end the record stands already
            self.history[-1].update(self.logged_means())

    def logged_means(self) -> Record:
        """Return the mean of what was logged under each name in this epoch."""
        return {name: math.fsum(all_) / len(all_) for name, all_ in self.now.logged.items()}
