"""Accuracy on corrupted pictures, by kind of corruption and severity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from cifarkit.blocks import Block, Readable
from cifarkit.data.corruptions.corrupt import (
    SEVERITIES,
    check_corruption,
    corrupt,
    list_corruptions,
)
from cifarkit.data.image_set import ImageSet
from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import Evaluation, Floats, evaluate
from cifarkit.evaluation.trained import Trained
from cifarkit.guidance import Guided, explains_arguments
from cifarkit.tables import Table, percent

__all__ = ["Robustness", "check_robustness", "evaluate_corrupted"]


@dataclass(frozen=True, eq=False, repr=False)
class Robustness(Guided, Readable):
    """The evaluations of a network on the same images, clean and corrupted.

    Args:
        clean: the evaluation of the clean images.
        corrupted: the evaluations at severities 1 to 5, under the name of each corruption.

    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0]], np.float32)
    >>> right, half = (Evaluation(logits, np.array(labels), ("cat", "dog"))
    ...                for labels in ([0, 1], [0, 0]))
    >>> robustness = Robustness(right, {"fog": (right, right, right, half, half)})
    >>> robustness
    Robustness(accuracy 80.0 % on corrupted images, 100.0 % as they are, 1 kind, n = 2)
    >>> print(robustness.table().as_text())
    corruption       0        1        2        3       4       5    mean
    fog        100.0 %  100.0 %  100.0 %  100.0 %  50.0 %  50.0 %  80.0 %
    """

    clean: Evaluation
    corrupted: Mapping[str, Sequence[Evaluation]]

    def __repr__(self) -> str:
        kinds = f"{len(self.corrupted)} kind{'s' * (len(self.corrupted) != 1)}"
        return (
            f"Robustness(accuracy {percent(self.accuracy)} on corrupted images, "
            f"{percent(self.clean.accuracy)} as they are, {kinds}, n = {len(self.clean):,})"
        )

    @property
    def accuracy(self) -> float:
        """The mean accuracy over all kinds and the severities 1 to 5, in [0, 1]."""
        return float(self.mean_accuracies[1:].mean())

    @property
    def mean_accuracies(self) -> Floats:
        """The mean accuracy over all kinds at each severity, float64 `6`; severity 0 is clean."""
        means: Floats = np.mean([self.accuracies(name) for name in self.corrupted], axis=0)
        return means

    def accuracies(self, name: str) -> Floats:
        """Return the accuracy at each severity, float64 `6`; severity 0 is the clean images.

        Args:
            name: the name of the corruption.

        Raises:
            DataError: there is no such corruption, or it was not evaluated.
        """
        check_corruption(name)
        if name not in self.corrupted:
            raise DataError(f"{name} was not evaluated; there are {', '.join(self.corrupted)}")
        return np.array([each.accuracy for each in (self.clean, *self.corrupted[name])])

    def table(self) -> Table:
        """Return the accuracies, with a row for each corruption and a column for each severity."""
        rows = [_row(name, self.accuracies(name)) for name in self.corrupted]
        total = _row("mean", self.mean_accuracies) if len(rows) > 1 else ()
        return Table(("corruption", "0", *map(str, SEVERITIES), "mean"), rows, total)

    def blocks(self) -> Sequence[Block]:
        """Return the means, and the table of all kinds."""
        return [repr(self), self.table(), "columns: the severity; mean: of severities 1 to 5"]


@explains_arguments("ck.evaluate_corrupted")
def evaluate_corrupted(
    model: nn.Module | Trained, image_set: ImageSet, names: Sequence[str] | None = None
) -> Robustness:
    """Show a network the images of a set in all kinds and severities of corruption.

    That is five times as many images for each kind, so begin with a part of the set:
    `data.val.subset(range(500))`. Do not train on the corruptions that you evaluate on: a network
    that saw a kind of noise in training does not show how well it does on new kinds.

    Args:
        model: as for `evaluate`.
        image_set: the images and their labels; they are corrupted here.
        names: the names of the corruptions; all of `list_corruptions()` when None.

    Returns:
        The evaluations, with their table.

    Raises:
        DataError: it is not an image set or is empty, or there is no such corruption.
        ModelContractError: as for `evaluate`.
        NonFiniteLossError: as for `evaluate`.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.models.registry import create_model
    >>> test = load_synthetic(n_train=100, n_test=20, val_size=10).test
    >>> evaluate_corrupted(create_model("linear"), test, ["fog", "pixelate"])
    Robustness(accuracy ... % on corrupted images, ... % as they are, 2 kinds, n = 20)
    """
    names = [names] if isinstance(names, str) else names
    names = list_corruptions() if names is None else list(names)
    if not names:
        raise DataError("there is no corruption to evaluate; pass names, or leave names= out")
    for name in names:
        check_corruption(name)
    clean = evaluate(model, image_set)
    corrupted = {
        name: tuple(evaluate(model, corrupt(image_set, name, severity)) for severity in SEVERITIES)
        for name in names
    }
    return Robustness(clean, corrupted)


def check_robustness(robustness: Any) -> None:
    """Refuse anything except what `evaluate_corrupted` returns.

    Raises:
        DataError: it is something else.
    """
    if not isinstance(robustness, Robustness):
        raise DataError(
            "this needs the result of ck.evaluate_corrupted(run, data.val); found "
            f"{type(robustness).__name__}"
        )


def _row(name: str, accuracies: Floats) -> list[str]:
    return [name, *map(percent, accuracies), percent(float(accuracies[1:].mean()))]
