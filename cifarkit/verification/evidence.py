"""What a verification checks, and how it words what it finds."""

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
    """A run folder, and the data it should be of.

    Args:
        folder: of the run.
        about: what its `run.json` says.
        run: as it was read from the folder. Its network is on the device to evaluate on.
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
        """What the weights in the folder predict on test now."""
        return measure(self.run.model, self.splits.test, test_time=self.run.recipe.test_time)


def judged(check: str, holds: bool, message: str, hint: str = "") -> Finding:
    """Return what a check found; the hint is for one that failed."""
    return Finding(check, "passed" if holds else "failed", message, "" if holds else hint)


def percent(share: float) -> str:
    """Write a share in [0, 1] with all the digits that a count of images can have.

    >>> percent(0.2155), percent(1 / 3)
    ('21.55 %', '33.3333 %')
    """
    return f"{100 * share:.6g} %"
