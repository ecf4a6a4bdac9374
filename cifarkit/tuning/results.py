"""The trials of a search and its winner, and the numbers that they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cifarkit.comparison.comparison import Comparison
from cifarkit.comparison.pairs import Pair
from cifarkit.comparison.verdicts import Verdict
from cifarkit.models.variant import Variant
from cifarkit.tuning.space import Dimension
from cifarkit.tuning.trials import Trial

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Results", "improves", "winner_of"]


def winner_of(outcomes: Sequence[Trial]) -> Trial | None:
    """Return the trial with the highest val accuracy, the earliest of equals; None if all failed.

    >>> from pathlib import Path
    >>> from cifarkit.models.registry import get_variant
    >>> mlp = get_variant("mlp")
    >>> winner_of([Trial(n, {}, mlp, Path(), val) for n, val in enumerate([0.4, None, 0.5, 0.5])])
    Trial(2, , val accuracy 50.0 %)
    """
    measured = [trial for trial in outcomes if trial.val_accuracy is not None]
    return max(measured, key=lambda trial: trial.val_accuracy or 0.0, default=None)


def improves(pair: Pair, verdict: Verdict) -> bool:
    """Return whether the first of a pair is better, also on other test images.

    A verdict is about these test images. With two settings that are right on different images, one
    of them may have the easier ones, with every seed. So the interval over images must agree.
    """
    is_ahead = verdict.kind == "better" and pair.difference > 0
    return is_ahead and pair.two_level is not None and pair.two_level.low > 0


@dataclass(frozen=True, eq=False, repr=False)
class Results:
    """The numbers of a search; `Search` describes the arguments."""

    variant: Variant
    best: Variant
    space: Mapping[str, Dimension]
    sampler: str
    seed: int
    outcomes: tuple[Trial, ...]
    comparison: Comparison
    left_out: int = 0

    @property
    def winner(self) -> Trial:
        """The trial with the highest val accuracy; its number is too good to be reported."""
        winner = winner_of(self.outcomes)
        assert winner is not None  # else there is no comparison
        return winner

    @property
    def pair(self) -> Pair:
        """The best against the default, on test, over the fresh seeds."""
        return self.comparison.pairs[0]

    @property
    def verdict(self) -> Verdict:
        """What the fresh seeds allow to say."""
        return self.comparison.verdicts[0]

    @property
    def helped(self) -> bool:
        """Whether the verdict is that the best is better, and other test images would agree."""
        return improves(self.pair, self.verdict)

    @property
    def naive_accuracy(self) -> float:
        """Val accuracy of the winning trial, in [0, 1]: too good, because it was chosen for it."""
        return float(self.winner.val_accuracy or 0.0)

    @property
    def val_accuracy(self) -> float:
        """Mean val accuracy of the best over fresh seeds; the pictures still are those it fits."""
        return _mean([run.val_accuracy or 0.0 for run in self.comparison.of(self.best.name)])

    @property
    def accuracy(self) -> float:
        """Mean test accuracy of the best over fresh seeds, in [0, 1]: the number to report."""
        return _mean([run.accuracy for run in self.comparison.of(self.best.name)])

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row a trial: its settings, val accuracy, how often val and test were evaluated, time.

        `val_accuracy` is in [0, 1], and NaN for a trial that failed.
        """
        import pandas as pd

        rows = [
            {
                **trial.setting,
                "val_accuracy": np.nan if trial.val_accuracy is None else trial.val_accuracy,
                "val_evaluations": trial.val_evaluations,
                "test": trial.test,
                "seconds": trial.seconds,
                "error": trial.error,
                "folder": str(trial.folder),
            }
            for trial in self.outcomes
        ]
        return pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="trial"))

    @property
    def seconds(self) -> float:
        """How long all runs trained, in the trials and in the comparison."""
        spent = [trial.seconds for trial in self.outcomes]
        return sum(spent) + sum(run.seconds for run in self.comparison.outcomes)


def _mean(accuracies: Sequence[float]) -> float:
    return float(np.mean(accuracies)) if accuracies else float("nan")
