"""What the run of one cell brought, read from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cifarkit.comparison.cells import Cell
from cifarkit.errors import RunFolderError
from cifarkit.models.variant import Variant
from cifarkit.training.history import History
from cifarkit.training.run import Run
from cifarkit.training.run_folder import HISTORY, RunFolder
from cifarkit.training.sealed_test import Looks, Receipt, looks_at_test

__all__ = ["Outcome"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """One variant, one seed, trained and scored.

    Args:
        variant: with its recipe.
        seed: of the run.
        folder: where the run is.
        facts: what else `run.json` says.
        history: one record an epoch.
        receipt: what it said of each test image.
        looks: how often test was looked at.

    >>> import numpy as np
    >>> from cifarkit.models.registry import get_variant
    >>> right = np.array([0, 1])
    >>> receipt = Receipt(np.eye(2, 10, dtype=np.float16), right, right)
    >>> folder, history, looks = Path("runs/one"), History(), Looks(0, at_end=True, flagged=False)
    >>> Outcome(get_variant("mlp"), 0, folder, {"seconds": 9.0}, history, receipt, looks).accuracy
    1.0
    """

    variant: Variant
    seed: int
    folder: Path
    facts: dict[str, Any]
    history: History
    receipt: Receipt
    looks: Looks

    @classmethod
    def of(cls, cell: Cell) -> Outcome:
        """Read what is in the folder of a cell that is done.

        Raises:
            RunFolderError: it cannot be read.
        """
        try:
            history = History.from_csv(cell.folder / HISTORY)
        except (OSError, ValueError) as error:
            raise RunFolderError(
                f"the history of the run in {str(cell.folder)!r} cannot be read: {error}; delete "
                "the folder, and the run is trained again"
            ) from error
        about = RunFolder(cell.folder).about()
        seen = Run(
            None,
            classes=tuple(about["classes"]),
            recipe=cell.variant.recipe,
            seed=cell.seed,
            variant=cell.variant,
            history=history,
            folder=cell.folder,
            facts=about["facts"],
        )
        return cls(
            cell.variant,
            cell.seed,
            cell.folder,
            about["facts"],
            history,
            Receipt.load(cell.folder),
            looks_at_test(seen),
        )

    @property
    def accuracy(self) -> float:
        """Accuracy on test at the end, in [0, 1]."""
        return self.receipt.accuracy

    @property
    def val_accuracy(self) -> float | None:
        """Accuracy on val in the last epoch, in [0, 1]; None where there is no val."""
        return self.history[-1].get("val_accuracy") if len(self.history) else None

    @property
    def seconds(self) -> float:
        """How long training took."""
        return float(self.facts["seconds"])

    def run(self) -> Run:
        """Return the run with its network and weights."""
        model = self.variant.build(num_classes=self.receipt.logits.shape[1])
        like = Run(
            model,
            classes=(),
            recipe=self.variant.recipe,
            seed=self.seed,
            variant=self.variant,
        )
        return RunFolder(self.folder).load(like=like)
