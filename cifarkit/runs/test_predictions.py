"""The predictions on test that a run keeps, to score it again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cifarkit.errors import CheckpointError, RunFolderError
from cifarkit.evaluation.evaluation import Evaluation, Floats, Integers
from cifarkit.runs.folder import TEST_PREDICTIONS, unwritable
from cifarkit.storage.tensor_file import load_tensors, save_tensors

__all__ = ["TEST_PREDICTIONS", "TestPredictions"]

Booleans = np.ndarray[Any, np.dtype[np.bool_]]

LARGEST = 2**28  # bytes that a file may have
MOST_IMAGES = 10**7  # in a file; labels take eight times more memory than bytes of the file
ALIKE = 0.01  # of the spread of the logits; another seed moves the middle image by half of it


@dataclass(frozen=True, eq=False)
class TestPredictions:
    """A network's predictions for all test images, to score it again without the network.

    Args:
        logits: float16 `n classes`.
        predicted: int64 `n`, the class with the largest logit before the logits were rounded;
            rounding can make the two largest equal.
        labels: int64 `n`, the truth.

    >>> logits = np.array([[0.5, 0.1], [2.00001, 2.0]], np.float32)
    >>> test_predictions = TestPredictions.of(Evaluation(logits, np.array([0, 1]), ("cat", "dog")))
    >>> test_predictions.accuracy, test_predictions.logits[1].tolist()
    (0.5, [2.0, 2.0])
    """

    logits: Floats
    predicted: Integers
    labels: Integers

    @property
    def correct(self) -> Booleans:
        """Whether each image is classified correctly, bool `n`."""
        return np.equal(self.predicted, self.labels)

    @property
    def accuracy(self) -> float:
        """The share of images that are classified correctly, in [0, 1]."""
        return float(self.correct.mean())

    def fault(self, labels: Integers, classes: int) -> str:
        """Return what is wrong with it, in itself or compared with the test set; "" if nothing is.

        Args:
            labels: the labels of the test images, int64 `n`.
            classes: how many there are.
        """
        n = len(labels)
        shapes = [array.shape for array in (self.logits, self.predicted, self.labels)]
        if shapes != [(n, classes), (n,), (n,)] or self.logits.dtype != np.float16:
            found = ", ".join(" ".join(map(str, shape)) for shape in shapes)
            return (
                f"it holds {self.logits.dtype} logits, predictions and labels of shapes {found}; "
                f"needed are float16 logits {n} {classes}"
            )
        if wrong := int((self.labels != labels).sum()):
            return f"{wrong:,} of its {n:,} labels are not the test set's"
        if self.predicted.min() < 0 or self.predicted.max() >= classes:
            return f"it predicts labels outside of the {classes} classes"
        # Rounding keeps the order: the largest logit before is one of the largest after it.
        chosen = np.take_along_axis(self.logits, self.predicted[:, None], axis=1)[:, 0]
        odd = n - int((chosen >= self.logits.max(axis=1)).sum())
        return f"{odd:,} of its {n:,} predicted classes do not fit its logits" if odd else ""

    def has_same_logits_as(self, other: TestPredictions) -> bool:
        """Return whether the logits are the same up to rounding; the reason is not found here.

        If a network gives the same logits for all images, this is not evidence, and the answer is
        False.
        """
        if self.logits.shape != other.logits.shape:
            return False
        ours, theirs = self.logits.astype(np.float64), other.logits.astype(np.float64)
        spread = float(ours.std(axis=0).mean())  # over images
        gaps = np.abs(ours - theirs).max(axis=1)  # n
        return spread > 0 and float(np.median(gaps)) <= ALIKE * spread

    @classmethod
    def of(cls, evaluation: Evaluation) -> TestPredictions:
        """Make it from an evaluation; clip logits to the largest number of float16."""
        reach = np.finfo(np.float16).max
        logits = np.clip(evaluation.logits, -reach, reach).astype(np.float16)
        return cls(logits, evaluation.predicted, evaluation.labels)

    @classmethod
    def load(cls, folder: Path) -> TestPredictions:
        """Read the file in a run's folder.

        Raises:
            RunFolderError: the file is missing or damaged.
        """
        try:
            tensors, _ = load_tensors(folder / TEST_PREDICTIONS, LARGEST)
            arrays = [tensors[name].numpy() for name in ("logits", "predicted", "labels")]
            if (most := max(len(array) if array.ndim else 0 for array in arrays)) > MOST_IMAGES:
                raise CheckpointError(f"they are of {most:,} images; allowed are {MOST_IMAGES:,}")
        except FileNotFoundError:
            raise RunFolderError(
                f"the run in {str(folder)!r} has no test predictions ({TEST_PREDICTIONS}); "
                "ck.score_on_test(run, splits) makes them"
            ) from None
        except (OSError, CheckpointError, KeyError) as error:
            raise RunFolderError(
                f"the test predictions of the run in {str(folder)!r} cannot be read: {error}; "
                "put a copy of the file back, or delete it and score again"
            ) from error
        logits, predicted, labels = arrays
        return cls(logits, predicted.astype(np.int64), labels.astype(np.int64))

    def save(self, folder: Path) -> None:
        """Write it into a run's folder.

        Raises:
            RunFolderError: the file cannot be written.
        """
        small = np.uint8 if self.logits.shape[1] <= 256 else np.int64
        tensors = {
            "logits": torch.from_numpy(self.logits),
            "predicted": torch.from_numpy(self.predicted.astype(small)),
            "labels": torch.from_numpy(self.labels.astype(small)),
        }
        try:
            save_tensors(folder / TEST_PREDICTIONS, tensors)
        except OSError as error:
            raise unwritable(folder, error) from error
