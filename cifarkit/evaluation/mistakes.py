"""Where a network fails: the images it is most wrong about, and the classes it mixes up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from cifarkit.annotations import Range
from cifarkit.arguments import checked
from cifarkit.evaluation.evaluation import Evaluation, check_evaluation
from cifarkit.guidance import explains_arguments
from cifarkit.tables import percent

__all__ = ["ConfusedPair", "confused_pairs", "top_losses"]


@dataclass(frozen=True)
class ConfusedPair:
    """Images of one class that were called another.

    Args:
        true: the name of their class.
        predicted: what they were called.
        count: how many there are.
        share: their share of all images of the class, in [0, 1].

    >>> print(ConfusedPair("dog", "cat", 120, 0.12))
    dog called cat: 120 (12.0 %)
    """

    true: str
    predicted: str
    count: int
    share: float

    def __str__(self) -> str:
        return f"{self.true} called {self.predicted}: {self.count} ({percent(self.share)})"


@explains_arguments("ck.top_losses")
def top_losses(evaluation: Evaluation, k: int = 9) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the indices of the `k` images with the largest loss, the worst first.

    Args:
        evaluation: the evaluation of an image set.
        k: how many; all where there are fewer.

    Returns:
        int64 `k`, indices into the image set.

    Raises:
        DataError: it is not an evaluation, or `k` is not a whole number, 0 or more.

    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], np.float32)
    >>> top_losses(Evaluation(logits, np.array([0, 1, 1]), ("cat", "dog")), k=2)
    array([2, 1])
    """
    check_evaluation(evaluation)
    checked("k", k, Annotated[int, Range(0, math.inf)])
    return np.argsort(-evaluation.losses, kind="stable")[:k]


@explains_arguments("ck.confused_pairs")
def confused_pairs(evaluation: Evaluation, k: int = 10) -> list[ConfusedPair]:
    """Return the `k` pairs of classes that are mixed up most often, most frequent first.

    Args:
        evaluation: the evaluation of an image set.
        k: how many pairs; all of them if there are fewer.

    Raises:
        DataError: it is not an evaluation, or `k` is not a whole number, 0 or more.

    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], np.float32)
    >>> print(*confused_pairs(Evaluation(logits, np.array([0, 1, 1]), ("cat", "dog"))))
    dog called cat: 1 (50.0 %)
    """
    check_evaluation(evaluation)
    checked("k", k, Annotated[int, Range(0, math.inf)])
    errors = evaluation.confusion.copy()
    np.fill_diagonal(errors, 0)
    totals = evaluation.confusion.sum(axis=1)
    worst = np.argsort(-errors, axis=None, kind="stable")[:k]
    pairs = [divmod(int(cell), len(errors)) for cell in worst]
    return [
        ConfusedPair(
            evaluation.classes[true],
            evaluation.classes[predicted],
            int(errors[true, predicted]),
            float(errors[true, predicted] / totals[true]),
        )
        for true, predicted in pairs
        if errors[true, predicted]
    ]
