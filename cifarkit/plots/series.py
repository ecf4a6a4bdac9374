"""The numbers that curves show: lines over epochs, with a band where there are several seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import Floats, Integers
from cifarkit.recipes.losses import CrossEntropy
from cifarkit.values import written

if TYPE_CHECKING:
    from cifarkit.runs.history import History
    from cifarkit.runs.run import Run

__all__ = ["Line", "chance_of", "collect_lines", "finding_of", "mixes_of", "train_loss_of"]

METRICS = ("loss", "accuracy")
SPLITS = ("train", "val", "test")
LONGEST = 48  # characters of a loss in a legend


@dataclass(frozen=True, eq=False)
class Line:
    """One column of one run, or of the same run under several seeds.

    Args:
        name: the name of the run; empty if there is only one.
        column: the column of the history.
        epochs: int64 `epochs`, counted from 1: the epochs that every seed reached.
        values: float64 `seeds epochs`.
    """

    name: str
    column: str
    epochs: Integers
    values: Floats

    @property
    def split(self) -> str:
        """The split of the numbers: train, val, test, or an empty text."""
        split, _, metric = self.column.partition("_")
        return split if split in SPLITS and metric in METRICS else ""

    @property
    def mean(self) -> Floats:
        """The mean over the seeds, float64 `epochs`."""
        mean: Floats = self.values.mean(axis=0)
        return mean

    @property
    def reach(self) -> Floats:
        """Half the width of the 95 % t-interval of the mean, float64 `epochs`; 0 for one seed."""
        seeds = len(self.values)
        if seeds == 1:
            return np.zeros_like(self.mean)
        from scipy.stats import t

        deviation: Floats = self.values.std(axis=0, ddof=1)
        return deviation * float(t.ppf(0.975, seeds - 1)) / math.sqrt(seeds)

    @property
    def best(self) -> int:
        """The index of the lowest mean loss, or of the highest mean of anything else."""
        worse = self.mean if self.column.endswith("loss") else -self.mean
        return int(worse.argmin())


def collect_lines(runs: Any, column: str) -> list[Line]:
    """Collect the lines of a figure from histories.

    Args:
        runs: a history, a run, or `{name: history | run | list of them over several seeds}`.
        column: `"loss"` or `"accuracy"`, for the columns of train, val and test, or any one column.

    Raises:
        DataError: there is nothing to draw, or no such column.

    >>> from cifarkit.runs.history import History
    >>> history = History([{"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.0}])
    >>> [(line.column, line.mean.tolist()) for line in collect_lines(history, "loss")]
    [('train_loss', [2.0, 1.0])]
    """
    lines: list[Line] = []
    for name, group in _named(runs).items():
        histories = [_history(run) for run in group]
        measured = [_line(name, part, histories) for part in _columns(histories, column)]
        drawable = [line for line in measured if len(line.epochs)]
        if not drawable:
            whose = f" of {name!r}" if name else ""
            metrics = [metric for metric in METRICS if _columns(histories, metric)]
            known = ", ".join([*metrics, *_shared_columns(histories)])
            raise DataError(
                f"the history{whose} has no numbers for {column!r}; it has {known or 'none yet'}"
            )
        lines += drawable
    return lines


def chance_of(runs: Any, column: str) -> float | None:
    """Return the score of random guessing, if the classes are known.

    Args:
        runs: as in `collect_lines`; runs know their classes, bare histories do not.
        column: for an accuracy the score is 1 / classes, for a loss ln classes.
    """
    members = [run for group in _named(runs).values() for run in group]
    counts = {len(run.classes) for run in members if hasattr(run, "classes")}
    split, _, metric = column.rpartition("_")
    if len(counts) != 1 or split not in ("", *SPLITS) or metric not in METRICS:
        return None
    (classes,) = counts
    return 1 / classes if metric == "accuracy" else math.log(classes)


def mixes_of(runs: Any) -> str:
    """Return what mixes the training pictures of some of the runs, by name; "" if nothing does.

    Args:
        runs: as in `collect_lines`; runs know their recipe, bare histories do not.
    """
    members = [run for group in _named(runs).values() for run in group]
    mixes = (run.recipe.mix for run in members if hasattr(run, "recipe"))
    return " and ".join(sorted({type(mix).__name__ for mix in mixes if mix is not None}))


def train_loss_of(runs: Any) -> str:
    """Return the name of the train loss of runs, or "" if it is plain cross-entropy, like val's.

    Args:
        runs: as in `collect_lines`; runs know their loss, bare histories do not.
    """
    members = [run for group in _named(runs).values() for run in group]
    losses = {run.recipe.loss for run in members if hasattr(run, "recipe")}
    if losses <= {CrossEntropy()}:
        return ""
    if len(losses) > 1:
        return "each recipe's own loss"
    text = written(losses.pop())
    return text if len(text) <= LONGEST else f"{text.partition('(')[0]}(…)"


def finding_of(lines: Sequence[Line], column: str) -> str:
    """Describe in a sentence what the lines show."""
    judged = [line for line in lines if line.split == "val"]
    if not judged:
        names, last = {line.name for line in lines}, lines[0]
        words = last.column.replace("_", " ")
        if len(names) > 1:
            return f"The {column.replace('_', ' ')} of {len(names)} runs"
        whose = f"{words} of {last.name}" if last.name else words
        note = "; there is no val to choose by" if last.split == "train" else ""
        return f"After epoch {last.epochs[-1]}, {whose} is {_shown(last, -1)}{note}"
    sign = 1 if judged[0].column.endswith("loss") else -1
    top = min(judged, key=lambda line: sign * line.mean[line.best])
    superlative = "Lowest" if sign == 1 else "Highest"
    mean = "mean " if len(top.values) > 1 else ""
    whose = f"{top.name}, " if top.name else ""
    where = f"{_shown(top, top.best)} in epoch {top.epochs[top.best]}"
    return f"{superlative} {mean}{top.column.replace('_', ' ')}: {whose}{where}"


def _shown(line: Line, index: int) -> str:
    value = float(line.mean[index])
    if line.column.endswith("accuracy"):
        return f"{100 * value:.1f} %"
    return f"{value:.4f}" if line.column.endswith("loss") else f"{value:.4g}"


def _named(runs: Any) -> dict[str, list[History | Run]]:
    if not isinstance(runs, Mapping):
        return {"": [runs]}
    named = {
        str(name): list(group) if isinstance(group, list | tuple) else [group]
        for name, group in runs.items()
    }
    empty = [name for name, group in named.items() if not group]
    if empty or not named:
        raise DataError(f"there is no run to draw{f' under {empty[0]!r}' if empty else ''}")
    return named


def _history(run: Any) -> History:
    history = getattr(run, "history", run)
    if not hasattr(history, "columns") or not hasattr(history, "column"):
        raise DataError(
            f"curves takes a history, a run, or a dict of them by name, found {type(run).__name__}"
        )
    checked: History = history
    return checked


def _shared_columns(histories: Sequence[History]) -> list[str]:
    """Return the columns that every seed has."""
    return [
        column
        for column in histories[0].columns
        if all(column in history.columns for history in histories)
    ]


def _columns(histories: Sequence[History], column: str) -> list[str]:
    wanted = [f"{split}_{column}" for split in SPLITS] if column in METRICS else [column]
    return [name for name in wanted if name in _shared_columns(histories)]


def _line(name: str, column: str, histories: Sequence[History]) -> Line:
    """Align seeds by epoch; leave out an epoch in which a seed has no number."""
    tables = [
        dict(zip(history.column("epoch"), history.column(column), strict=True))
        for history in histories
    ]
    epochs = [
        epoch
        for epoch in tables[0]
        if all(math.isfinite(table.get(epoch, math.nan)) for table in tables)
    ]
    values = np.array([[table[epoch] for epoch in epochs] for table in tables], np.float64)
    return Line(name, column, np.array(epochs, np.int64), values)
