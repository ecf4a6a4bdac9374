"""The evidence that a verification checks, and how its findings are worded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cifarkit.data.splits import Splits
from cifarkit.evaluation.evaluation import Evaluation, measure
from cifarkit.findings import Finding
from cifarkit.runs.facts import Facts
from cifarkit.runs.run import Run
from cifarkit.runs.test_predictions import TestPredictions

__all__ = ["Evidence", "judged", "percent"]


@dataclass(frozen=True, eq=False)
class Evidence:
    """A run folder, and the data that the run should be trained on.

    Args:
        folder: the run's folder.
        about: the contents of its `run.json`.
        run: the run, read from the folder. Its network is on the device to evaluate on.
        splits: the data.
    """

    folder: Path
    about: dict[str, Any]
    run: Run
    splits: Splits

    @property
    def facts(self) -> Facts:
        """The facts in `run.json`."""
        return self.run.facts

    @cached_property
    def test_predictions(self) -> TestPredictions:
        """The test predictions in the folder."""
        return TestPredictions.load(self.folder)

    @cached_property
    def on_test(self) -> Evaluation:
        """The evaluation on test of the weights in the folder."""
        return measure(self.run.model, self.splits.test, test_time=self.run.recipe.test_time)


def judged(check: str, holds: bool, message: str, hint: str = "") -> Finding:
    """Return the finding of a check; the hint is for a failed check."""
    return Finding(check, "passed" if holds else "failed", message, "" if holds else hint)


def percent(share: float) -> str:
    """Write a share in [0, 1] with all digits that a share of images can have.

    >>> percent(0.2155), percent(1 / 3)
    ('21.55 %', '33.3333 %')
    """
    return f"{100 * share:.6g} %"
