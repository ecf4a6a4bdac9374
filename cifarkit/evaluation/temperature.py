"""Temperature scaling: Guo et al. 2017, section 4.2 (https://arxiv.org/abs/1706.04599)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import nn

from cifarkit.annotations import Range
from cifarkit.arguments import checked
from cifarkit.data.splits import Splits, check_splits
from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import (
    Evaluation,
    check_evaluation,
    check_finite,
    evaluate,
    largest,
)
from cifarkit.evaluation.trained import Trained
from cifarkit.guidance import Guided, explains_arguments

__all__ = ["Temperature", "fit_temperature", "temperature_of"]

LEAST, MOST = 1e-6, 1e6


@dataclass(frozen=True)
class Temperature(Guided):
    """A number by which all logits are divided, so that confidence matches accuracy.

    Above 1 it makes the network less sure, below 1 more sure. The predicted classes do not change.

    Args:
        value: the temperature, above 0.

    Raises:
        DataError: it is not a number above 0.

    >>> evaluation = Evaluation(np.array([[2.0, 0.0]], np.float32), np.array([0]), ("cat", "dog"))
    >>> softer = Temperature(2.0).applied(evaluation)
    >>> [round(float(each.probabilities.max()), 4) for each in (evaluation, softer)]
    [0.8808, 0.7311]
    """

    value: float

    def __post_init__(self) -> None:
        value = checked("the temperature", self.value, Range(0, math.inf, open="()"))
        object.__setattr__(self, "value", value)

    def __str__(self) -> str:
        return f"{self.value:.3f}"

    def applied(self, evaluation: Evaluation) -> Evaluation:
        """Return an evaluation with its logits divided by the temperature.

        The largest logit of each image is subtracted first. This changes no probability, and
        prevents that rounding changes a predicted class.

        Args:
            evaluation: the evaluation of any image set, not divided yet.

        Raises:
            DataError: it is not an evaluation.
        """
        check_evaluation(evaluation)
        logits = (evaluation.logits - largest(evaluation.logits)) / self.value
        return Evaluation(logits, evaluation.labels, evaluation.classes)


@explains_arguments("ck.fit_temperature")
def fit_temperature(model: nn.Module | Trained, splits: Splits) -> Temperature:
    """Find the temperature with which a network has the lowest cross-entropy on val.

    Only val is evaluated. A temperature that was fitted on test could not be judged on test.

    Args:
        model: as for `evaluate`.
        splits: the data that the network was trained on.

    Returns:
        The temperature; apply it to the evaluation of test to see what it improves.

    Raises:
        DataError: it is not splits, there is no val, or no temperature is the best: the network is
            right on every image of val, or the logits say nothing about the labels.
        ModelContractError: as for `evaluate`.
        NonFiniteLossError: the network gives NaN or infinity for an image.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.training.train import train
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=50)
    >>> run = train("linear", data, epochs=2)
    >>> temperature = fit_temperature(run, data)
    >>> val = evaluate(run, data.val)
    >>> temperature.applied(val).loss < val.loss
    True
    """
    check_splits(splits)
    if splits.val is None:
        raise DataError(
            "the temperature is fitted on val, and these splits have none; load the data with "
            "val_size=0.1, and train on that"
        )
    return temperature_of(evaluate(model, splits.val))


def temperature_of(evaluation: Evaluation) -> Temperature:
    """Return the temperature at which an evaluation has the lowest cross-entropy.

    The loss is a convex function of 1 / temperature, so its slope is 0 at one point.

    Raises:
        DataError: the slope is not 0 at any temperature.
        NonFiniteLossError: a logit is NaN or infinite.

    >>> logits = np.array([[4.0, 0.0]] * 4, np.float32)
    >>> once_wrong = Evaluation(logits, np.array([0, 0, 0, 1]), ("cat", "dog"))
    >>> print(temperature_of(once_wrong))  # 4 / ln 3, for a confidence of 75 %
    3.641
    """
    from scipy.optimize import brentq
    from scipy.special import softmax

    check_finite(evaluation.logits)
    logits = evaluation.logits.astype(np.float64)
    ahead = logits - np.take_along_axis(logits, evaluation.labels[:, None], axis=1)  # n classes

    def slope(logarithm: float) -> float:
        inverse = math.exp(-logarithm)
        return float((softmax(inverse * ahead, axis=1) * ahead).sum(axis=1).mean())

    least, most = math.log(LEAST), math.log(MOST)
    if evaluation.accuracy == 1 and not slope(least) > 0:
        raise DataError(
            f"no temperature is the best: the network is right on each of the {len(evaluation):,} "
            "images, so it could not be too sure of them. Take a larger val, with mistakes in it"
        )
    if not slope(least) > 0 > slope(most):
        raise DataError(
            f"no temperature from {LEAST:g} to {MOST:g} is the best: the logits say too little "
            "about the labels, or the opposite of them. Train the network first, on data with the "
            "same classes"
        )
    return Temperature(math.exp(brentq(slope, least, most, xtol=1e-12)))
