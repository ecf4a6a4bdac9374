"""What a network got right and wrong on one image set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cifarkit.blocks import Block, Readable
from cifarkit.data.image_set import ImageSet, check_image_set
from cifarkit.data.views import TestTimeAugmentation
from cifarkit.errors import DataError, ModelContractError, NonFiniteLossError
from cifarkit.evaluation.inference import compute_logits
from cifarkit.evaluation.intervals import ConfidenceInterval, wilson_interval
from cifarkit.evaluation.trained import Trained, network_of
from cifarkit.guidance import Guided, explains_arguments
from cifarkit.tables import Table, percent

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Evaluation",
    "Floats",
    "Integers",
    "check_evaluation",
    "check_finite",
    "evaluate",
    "largest",
    "measure",
]

Floats = np.ndarray[Any, np.dtype[np.floating]]
Integers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Guided, Readable):
    """The logits of one image set, and all metrics computed from them.

    Args:
        logits: float32 `n classes`.
        labels: int64 `n`, the truth.
        classes: the names of the classes.

    Raises:
        DataError: the three do not fit together, or there are no images.

    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], np.float32)
    >>> evaluation = Evaluation(logits, np.array([0, 1, 1]), ("cat", "dog"))
    >>> evaluation
    Evaluation(accuracy 66.7 % of 3 images, 95 % interval 20.8 to 93.9 %, loss 1.1629)
    >>> evaluation.confusion
    array([[1, 0],
           [1, 1]])
    """

    logits: Floats
    labels: Integers
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        logits, labels = np.asarray(self.logits), np.asarray(self.labels)
        _check_fit(logits, labels, self.classes)
        # This does not copy the arrays of `evaluate`, which have these types and are writable.
        object.__setattr__(self, "logits", np.require(logits, np.float32, ["C", "W"]))
        object.__setattr__(self, "labels", np.require(labels, np.int64, ["C", "W"]))

    def __len__(self) -> int:
        """Count the images."""
        return len(self.labels)

    def __repr__(self) -> str:
        return (
            f"Evaluation(accuracy {percent(self.accuracy)} of {len(self):,} images, "
            f"95 % interval {self.accuracy_interval}, loss {self.loss:.4f})"
        )

    def blocks(self) -> Sequence[Block]:
        """Return accuracy and loss, and a table of the classes."""
        rows = [
            [
                str(name),
                *(percent(row[column]) for column in ("precision", "recall")),
                str(ConfidenceInterval(row["recall_low"], row["recall_high"])),
                percent(row["f1"]),
                f"{row['n']:,.0f}",
            ]
            for name, row in self.per_class.iterrows()
        ]
        names = ("class", "precision", "recall", "95 % interval", "F1", "n")
        return [repr(self), Table(names, rows)]

    @cached_property
    def probabilities(self) -> Floats:
        """The softmax of the logits, float32 `n classes`; each row sums to 1."""
        return torch.softmax(torch.from_numpy(self.logits), dim=1).numpy()

    @cached_property
    def predicted(self) -> Integers:
        """The class with the largest logit, int64 `n`."""
        best: Integers = np.argmax(self.logits, axis=1)
        return best

    @cached_property
    def losses(self) -> Floats:
        """The cross-entropy of each image, float32 `n`, in nats (natural logarithm)."""
        logits, labels = torch.from_numpy(self.logits), torch.from_numpy(self.labels)
        return F.cross_entropy(logits, labels, reduction="none").numpy()

    @property
    def correct(self) -> int:
        """How many images are classified correctly."""
        return int((self.predicted == self.labels).sum())

    @property
    def accuracy(self) -> float:
        """The share of images that are classified correctly, in [0, 1]."""
        return self.correct / len(self)

    @property
    def accuracy_interval(self) -> ConfidenceInterval:
        """The 95 % Wilson interval of the accuracy: how far it can vary by the choice of images."""
        return wilson_interval(self.correct, len(self))

    @property
    def loss(self) -> float:
        """The mean cross-entropy over the images, in nats (natural logarithm)."""
        return float(self.losses.astype(np.float64).mean())

    @cached_property
    def confusion(self) -> Integers:
        """How many images of each class (row) were given each label (column), `classes classes`."""
        classes = len(self.classes)
        cells = self.labels * classes + self.predicted
        return np.bincount(cells, minlength=classes**2).reshape(classes, classes)

    @cached_property
    def per_class(self) -> pd.DataFrame:
        """Precision, recall, F1 and n of each class, with the Wilson interval of the recall.

        Shares in [0, 1]; 0 where a class was never predicted or never occurs.
        """
        import pandas as pd
        from sklearn.metrics import precision_recall_fscore_support

        precision, recall, f1, n = precision_recall_fscore_support(
            self.labels, self.predicted, labels=range(len(self.classes)), zero_division=0.0
        )
        diagonal, counts = self.confusion.diagonal(), self.confusion.sum(axis=1)
        intervals = [
            wilson_interval(correct, count) for correct, count in zip(diagonal, counts, strict=True)
        ]
        columns = {
            "precision": precision,
            "recall": recall,
            "recall_low": [interval.low for interval in intervals],
            "recall_high": [interval.high for interval in intervals],
            "f1": f1,
            "n": n,
        }
        return pd.DataFrame(columns, index=pd.Index(self.classes, name="class"))

    def report(self) -> str:
        """Return scikit-learn's classification report."""
        from sklearn.metrics import classification_report

        text: str = classification_report(
            self.labels,
            self.predicted,
            labels=range(len(self.classes)),
            target_names=self.classes,
            digits=4,
            zero_division=0.0,
        )
        return text


@explains_arguments("ck.evaluate")
def evaluate(
    model: nn.Module | Trained,
    image_set: ImageSet,
    *,
    test_time: TestTimeAugmentation | None = None,
) -> Evaluation:
    """Show a network every image of a set and return its logits with all their metrics.

    The network is left as it was. It computes in the type of its weights, without autocast, even
    after training in another precision.

    Args:
        model: from `batch 3 32 32` to logits `batch classes`; or a run, whose network is evaluated
            with the `test_time` views of its recipe.
        image_set: the images and their labels.
        test_time: the views of each image whose logits are averaged; the unchanged image when None.

    Returns:
        The logits, with all metrics computed from them.

    Raises:
        DataError: it is not an image set, or it is empty.
        ModelContractError: it is not a network, has another number of classes, or does not take
            views of the size of `test_time`.
        NonFiniteLossError: it gives NaN or infinity for an image.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.models.registry import create_model
    >>> test = load_synthetic(n_train=100, n_test=50, val_size=10).test
    >>> len(evaluate(create_model("linear"), test))
    50
    """
    evaluation = measure(model, image_set, test_time=test_time)
    check_finite(largest(evaluation.logits))
    return evaluation


def measure(
    model: nn.Module | Trained,
    image_set: ImageSet,
    *,
    test_time: TestTimeAugmentation | None = None,
) -> Evaluation:
    """Evaluate like `evaluate`, but allow NaN and infinity."""
    check_image_set(image_set)
    model, test_time = network_of(model, test_time)
    if len(image_set) == 0:
        raise DataError(
            "there is nothing to evaluate: the image set is empty; check how it was chosen"
        )
    logits = compute_logits(model, image_set.images, test_time)
    if logits.shape != (len(image_set), len(image_set.classes)):
        raise ModelContractError(
            f"the network gives {' '.join(map(str, logits.shape))} for {len(image_set)} images of "
            f"{len(image_set.classes)} classes; it must give logits n classes"
        )
    return Evaluation(logits.numpy(), image_set.labels.cpu().numpy(), image_set.classes)


def largest(logits: Floats) -> Floats:
    """Return the largest logit of each image, `n 1`; a logit of -inf makes a class impossible."""
    maxima: Floats = logits.max(axis=1, keepdims=True)
    return maxima


def check_finite(logits: Floats) -> None:
    """Refuse logits that are NaN or infinite.

    Raises:
        NonFiniteLossError: some are NaN or infinite.

    >>> check_finite(np.array([[0.0, np.nan]], np.float32))
    Traceback (most recent call last):
    ...
    cifarkit.errors.NonFiniteLossError: the network gives NaN or infinity for 1 of 1 images, so ...
    """
    lost = int((~np.isfinite(logits)).any(axis=1).sum())
    if lost:
        raise NonFiniteLossError(
            f"the network gives NaN or infinity for {lost:,} of {len(logits):,} images, so these "
            "have no prediction. Train with a smaller learning rate, or check what its layers do "
            "in eval mode"
        )


def check_evaluation(evaluation: Any) -> None:
    """Refuse anything except an evaluation, such as the run itself.

    Raises:
        DataError: it is something else.
    """
    if not isinstance(evaluation, Evaluation):
        raise DataError(
            "this needs an Evaluation, as ck.evaluate(run.model, splits.test) returns; "
            f"found {type(evaluation).__name__}"
        )


def _check_fit(
    logits: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], classes: tuple[str, ...]
) -> None:
    if labels.size == 0:
        raise DataError("there is nothing to evaluate: there are no labels")
    if logits.dtype.kind not in "fiu" or logits.shape != (len(logits), len(classes)):
        raise DataError(
            f"logits must be numbers n classes, here n {len(classes)}, "
            f"found {logits.dtype} {logits.shape}"
        )
    if labels.dtype.kind not in "iu" or labels.shape != (len(logits),):
        raise DataError(
            f"labels must be whole numbers, one for each of the {len(logits)} rows of logits, "
            f"found {labels.dtype} {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= len(classes):
        raise DataError(
            f"labels must lie between 0 and {len(classes) - 1}, "
            f"found {labels.min()} to {labels.max()}"
        )
