"""Whether a network's confidence can be believed: Guo et al. 2017, sections 2 and 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from cifarkit.annotations import Range
from cifarkit.arguments import checked
from cifarkit.blocks import Block, Readable
from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import Evaluation, Floats, Integers, check_evaluation
from cifarkit.guidance import explains_arguments
from cifarkit.tables import Table, percent

__all__ = ["Calibration", "calibrate"]


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Readable):
    """Predictions sorted by confidence into bins of equal width.

    Args:
        edges: float `bins + 1`, from 0 to 1.
        counts: int64 `bins`, images in each bin.
        confidence: float `bins`, mean confidence in each bin; NaN where it is empty.
        accuracy: float `bins`, share of right answers in each bin; NaN where it is empty.

    >>> sure, right = np.array([0.4, 0.9]), np.array([0.5, 0.7])
    >>> round(Calibration(np.array([0, 0.5, 1]), np.array([10, 30]), sure, right).ece, 3)
    0.175
    """

    edges: Floats
    counts: Integers
    confidence: Floats
    accuracy: Floats

    def __repr__(self) -> str:
        return f"Calibration(ECE {percent(self.ece)}, {self.counts.sum():,} images)"

    def blocks(self) -> Sequence[Block]:
        """Return a row for each bin that is not empty."""
        rows = [
            [
                f"{100 * self.edges[i]:.0f} to {100 * self.edges[i + 1]:.0f} %",
                *(percent(column[i]) for column in (self.confidence, self.accuracy)),
                f"{self.counts[i]:,}",
            ]
            for i in np.flatnonzero(self.counts)
        ]
        return [repr(self), Table(("bin", "mean confidence", "right", "n"), rows)]

    @property
    def ece(self) -> float:
        """The expected calibration error, in [0, 1]: how far confidence and accuracy differ.

        The mean over the images of the gap of their bin (equation 3).
        """
        filled = self.counts > 0
        gaps = np.abs(self.accuracy - self.confidence)[filled]
        return float((gaps * self.counts[filled]).sum() / self.counts.sum())


@explains_arguments("ck.calibrate")
def calibrate(evaluation: Evaluation, bins: int = 15) -> Calibration:
    """Sort the predictions of an evaluation into bins of confidence.

    Args:
        evaluation: of the image set.
        bins: how many bins, of equal width.

    Raises:
        DataError: it is not an evaluation, `bins` is not a whole number from 1 to 1,000, or a
            probability is NaN.

    >>> logits = np.array([[9.0, 0.0], [0.0, 9.0], [9.0, 0.0]], np.float32)
    >>> table = calibrate(Evaluation(logits, np.array([0, 1, 1]), ("cat", "dog")), bins=2)
    >>> table.counts, round(table.ece, 3)
    (array([0, 3]), 0.333)
    """
    check_evaluation(evaluation)
    bins = checked("bins", bins, Annotated[int, Range(1, 1_000)])
    confidence = evaluation.probabilities.max(axis=1).astype(np.float64)
    unknown = np.flatnonzero(np.isnan(confidence))
    if len(unknown):
        raise DataError(
            f"{len(unknown)} images have no confidence, first {unknown[0]}: the network gives NaN "
            "or infinite logits for them"
        )
    right = (evaluation.predicted == evaluation.labels).astype(np.float64)
    edges = np.linspace(0.0, 1.0, bins + 1)
    indices = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(indices, minlength=bins)
    sums = [np.bincount(indices, weights, bins) for weights in (confidence, right)]
    safe = np.where(counts == 0, np.nan, counts)
    return Calibration(edges, counts, sums[0] / safe, sums[1] / safe)
