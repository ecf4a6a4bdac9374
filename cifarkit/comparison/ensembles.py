"""The networks of several seeds as one classifier: Lakshminarayanan et al. 2017, section 2.4."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cifarkit.runs.test_predictions import TestPredictions

__all__ = ["ensemble_accuracy"]

TIE = 1e-9  # far below the effect of float16 logits on a probability


def ensemble_accuracy(members: Sequence[TestPredictions]) -> float:
    """Return the accuracy of the mean of the probabilities of several networks, in [0, 1].

    If rounded logits make two classes equally probable, the class that more networks predicted
    before rounding is the answer.

    Args:
        members: the predictions of one or more networks, on the same images.

    >>> labels = np.array([0, 1])
    >>> both = [
    ...     TestPredictions(np.array(logits, np.float16), np.argmax(logits, axis=1), labels)
    ...     for logits in ([[3.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 3.0]])
    ... ]
    >>> [member.accuracy for member in both], ensemble_accuracy(both)
    ([0.5, 0.5], 1.0)
    """
    from scipy.special import softmax

    classes = np.eye(members[0].logits.shape[1])
    scores = [
        softmax(member.logits.astype(np.float64), axis=1) + TIE * classes[member.predicted]
        for member in members
    ]  # n classes each
    mean = np.mean(scores, axis=0).round(12)  # the same for any order of the sum
    return float((mean.argmax(axis=1) == members[0].labels).mean())
