"""Choose the pictures to show, and what the network called each; no drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from cifarkit.arguments import Count, checked
from cifarkit.data.image_set import ImageSet, check_image_set
from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import Evaluation, Integers, check_evaluation
from cifarkit.randomness import generator_for

__all__ = [
    "Answer",
    "Picture",
    "answers_at",
    "check_match",
    "drawn",
    "pictures_at",
]

Picture = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, eq=False)
class Answer:
    """One picture, its predicted class and its true class.

    Args:
        picture: uint8 `32 32 3`.
        predicted: the name of the likeliest class.
        confidence: its probability, in [0, 1].
        true: the name of the true class.
    """

    picture: Picture
    predicted: str
    confidence: float
    true: str

    @property
    def wrong(self) -> bool:
        """Whether the predicted class is wrong."""
        return self.predicted != self.true

    def __str__(self) -> str:
        """Return the likeliest class and its probability: `cat 93 %`."""
        return f"{self.predicted} {100 * self.confidence:.0f} %"


def drawn(indices: Integers, n: int, seed: int) -> Integers:
    """Choose indices at random, each at most once; all of them if there are fewer than `n`.

    >>> drawn(np.array([3, 5, 8]), 2, seed=0)
    array([8, 5])
    """
    order = torch.randperm(len(indices), generator=generator_for("pictures", seed)).numpy()
    chosen: Integers = indices[order[: checked("n", n, Count)]]
    return chosen


def pictures_at(image_set: ImageSet, indices: Integers) -> Sequence[Picture]:
    """Return pictures for plotting, with the same bytes as in the set: uint8 `n 32 32 3`.

    Raises:
        DataError: the set is empty.
    """
    if len(image_set) == 0:
        raise DataError("there is nothing to draw: the image set is empty")
    images: Picture = image_set.subset(indices.tolist()).images.cpu().numpy()
    return list(images.transpose(0, 2, 3, 1))  # n 32 32 3


def answers_at(evaluation: Evaluation, image_set: ImageSet, indices: Integers) -> list[Answer]:
    """Return the predicted and true classes of the pictures at some indices."""
    confidences = evaluation.probabilities.max(axis=1)
    return [
        Answer(
            picture,
            evaluation.classes[evaluation.predicted[index]],
            float(confidences[index]),
            evaluation.classes[evaluation.labels[index]],
        )
        for index, picture in zip(indices, pictures_at(image_set, indices), strict=True)
    ]


def check_match(evaluation: Evaluation, image_set: ImageSet) -> None:
    """Refuse an evaluation of other images than these.

    Raises:
        DataError: an argument has the wrong type, or number, classes or labels differ.
    """
    check_evaluation(evaluation)
    check_image_set(image_set)
    if len(evaluation) != len(image_set):
        raise DataError(
            f"the evaluation is of {len(evaluation):,} images, but the image set has "
            f"{len(image_set):,}; pass the set that was evaluated"
        )
    same = evaluation.classes == image_set.classes
    if not same or not np.array_equal(evaluation.labels, image_set.labels.cpu().numpy()):
        what = "labels" if same else "classes"
        raise DataError(
            f"the evaluation and the image set have different {what}; "
            "pass the set that was evaluated, in the same order"
        )
