"""The trials of a search: runs that are measured on val, and never evaluated on test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cifarkit.errors import RunFolderError
from cifarkit.models.variant import Variant
from cifarkit.runs.folder import HISTORY, RunFolder
from cifarkit.runs.history import History
from cifarkit.tables import percent

__all__ = ["Trial"]


@dataclass(frozen=True, eq=False, repr=False)
class Trial:
    """One setting that a search tried.

    Args:
        number: its place in the search, from 0 on.
        setting: `{path: value}`.
        variant: the variant with this setting.
        folder: where the run is.
        val_accuracy: accuracy on val of the weights that the run ended with, in [0, 1]; None if
            there is no such run.
        val_evaluations: how often val was evaluated, once an epoch.
        seconds: how long training took.
        test: how often test was evaluated: `"not looked at"`, unless somebody did.
        error: why there is no val accuracy.

    >>> from cifarkit.models.registry import get_variant
    >>> Trial(3, {"optimizer.lr": 0.01}, get_variant("mlp"), Path("runs/mlp-trial3-seed0"), 0.512)
    Trial(3, optimizer.lr=0.01, val accuracy 51.2 %)
    """

    number: int
    setting: Mapping[str, Any]
    variant: Variant
    folder: Path
    val_accuracy: float | None = None
    val_evaluations: int = 0
    seconds: float = 0.0
    test: str = "not looked at"
    error: str = ""

    @classmethod
    def of(
        cls, number: int, setting: Mapping[str, Any], variant: Variant, folder: Path, error: str
    ) -> Trial:
        """Read the folder of a trial.

        Args:
            number: its place in the search.
            setting: `{path: value}`.
            variant: the variant with this setting.
            folder: where the run is.
            error: why training failed; empty if it did not.
        """
        try:
            about = RunFolder(folder).about()
            history = History.from_csv(folder / HISTORY)
            facts = about["facts"]
            accuracies = history.column("val_accuracy")
            if not error and facts.status == "finished" and len(history) != variant.recipe.epochs:
                error = f"history.csv in {str(folder)!r} has {len(history)} epochs"
            chosen = (facts.weights_of_epoch or len(history)) - 1
            return cls(
                number,
                setting,
                variant,
                folder,
                val_accuracy=None if error else accuracies[chosen],
                val_evaluations=len(accuracies),
                seconds=float(facts.seconds or 0.0),
                test="not looked at" if facts.test is None else "looked at",
                error=error,
            )
        except (RunFolderError, OSError, KeyError, ValueError, IndexError) as damage:
            why = error or f"{str(folder)!r} cannot be read: {type(damage).__name__}: {damage}"
            return cls(number, setting, variant, folder, error=why)

    def __repr__(self) -> str:
        values = ", ".join(f"{path}={value!r}" for path, value in self.setting.items())
        if self.val_accuracy is None:
            return f"Trial({self.number}, {values}, failed)"
        return f"Trial({self.number}, {values}, val accuracy {percent(self.val_accuracy)})"
