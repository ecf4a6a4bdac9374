"""Draw random pictures of a set, and what a network called them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from cifarkit.data.image_set import ImageSet, check_image_set
from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.guidance import explains_arguments
from cifarkit.plots.answers import answers_at, check_match, drawn, pictures_at
from cifarkit.plots.picture_grid import Section, Tile, draw_grid, square_columns

__all__ = ["predictions", "samples"]


@explains_arguments("ck.plots.samples")
def samples(
    image_set: ImageSet, *, n: int = 25, seed: int = 0, figure: Figure | None = None
) -> Figure:
    """Draw pictures of a set, chosen at random.

    Args:
        image_set: the pictures and their labels.
        n: how many pictures; all if there are fewer.
        seed: the seed of the choice.
        figure: an empty one, whose width is kept and whose height is set to what the pictures
            need; when None, a new pyplot figure.

    Returns:
        The figure.

    Raises:
        DataError: the set is empty, or `n` is not a whole number of at least 1.

    >>> import torch
    >>> pictures = torch.zeros(40, 3, 32, 32, dtype=torch.uint8)
    >>> labels = torch.arange(40) % 2
    >>> samples(ImageSet(pictures, labels, ("cat", "dog")), figure=Figure()).get_suptitle()
    '25 of 40 images of 2 classes, drawn at random'
    """
    check_image_set(image_set)
    indices = drawn(np.arange(len(image_set)), n, seed)
    labels = image_set.labels[indices].tolist()
    tiles = [
        Tile(picture, image_set.classes[label])
        for picture, label in zip(pictures_at(image_set, indices), labels, strict=True)
    ]
    classes = len(image_set.labels.unique())
    title = (
        f"{len(tiles)} of {len(image_set):,} images of {classes} "
        f"class{'' if classes == 1 else 'es'}, drawn at random"
    )
    return draw_grid(title, [Section("", tiles)], columns=square_columns(len(tiles)), figure=figure)


@explains_arguments("ck.plots.predictions")
def predictions(
    evaluation: Evaluation,
    image_set: ImageSet,
    *,
    n: int = 25,
    seed: int = 0,
    figure: Figure | None = None,
) -> Figure:
    """Draw pictures chosen at random, and what the network called them.

    Wrong answers are framed and crossed.

    Args:
        evaluation: the evaluation of the image set.
        image_set: the pictures and their labels.
        n: how many pictures; all if there are fewer.
        seed: the seed of the choice.
        figure: as for `samples`.

    Returns:
        The figure.

    Raises:
        DataError: the evaluation is not of this set, the set is empty, or `n` is not a whole
            number of at least 1.

    >>> import torch
    >>> pictures = ImageSet(torch.zeros(3, 3, 32, 32, dtype=torch.uint8),
    ...                     torch.tensor([0, 1, 1]), ("cat", "dog"))
    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], np.float32)
    >>> evaluation = Evaluation(logits, pictures.labels.numpy(), pictures.classes)
    >>> predictions(evaluation, pictures, figure=Figure()).get_suptitle()
    '2 of these 3 are right; of all 3 images 66.7 %. Drawn at random'
    """
    check_match(evaluation, image_set)
    indices = drawn(np.arange(len(image_set)), n, seed)
    answers = answers_at(evaluation, image_set, indices)
    tiles = [
        Tile(answer.picture, f"{answer}\ntrue: {answer.true}", answer.wrong) for answer in answers
    ]
    right = sum(not answer.wrong for answer in answers)
    title = (
        f"{right} of these {len(tiles)} are right; of all {len(image_set):,} images "
        f"{100 * evaluation.accuracy:.1f} %. Drawn at random"
    )
    return draw_grid(title, [Section("", tiles)], columns=square_columns(len(tiles)), figure=figure)
