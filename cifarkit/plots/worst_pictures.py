"""Where a network fails, in pictures: the largest losses, and the classes it mixes up."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from cifarkit.arguments import Count, checked
from cifarkit.data.image_set import ImageSet
from cifarkit.evaluation import mistakes
from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.guidance import explains_arguments
from cifarkit.plots.answers import answers_at, check_match, drawn
from cifarkit.plots.picture_grid import Section, Tile, draw_grid, square_columns

__all__ = ["confused", "top_losses"]


@explains_arguments("ck.plots.top_losses")
def top_losses(
    evaluation: Evaluation, image_set: ImageSet, *, n: int = 25, figure: Figure | None = None
) -> Figure:
    """Draw the pictures with the largest loss, the worst first.

    These are wrong predictions with high confidence; often the label is wrong.

    Args:
        evaluation: the evaluation of the image set.
        image_set: the pictures and their labels.
        n: how many pictures; all if there are fewer.
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
    >>> top_losses(evaluation, pictures, n=1, figure=Figure()).get_suptitle()
    'The largest loss: 33.3 % of the images, 87.4 % of the whole loss'
    """
    check_match(evaluation, image_set)
    indices = mistakes.top_losses(evaluation, checked("n", n, Count))
    losses = np.abs(evaluation.losses.astype(np.float64))  # a loss of -0.0 shows as 0
    tiles = [
        Tile(answer.picture, f"{answer}\ntrue: {answer.true}\nloss {loss:.2f}", answer.wrong)
        for answer, loss in zip(
            answers_at(evaluation, image_set, indices), losses[indices], strict=True
        )
    ]
    which = "The largest loss" if len(tiles) == 1 else f"The {len(tiles)} largest losses"
    # All losses can be exactly 0, where a network is right and very sure.
    share = losses[indices].sum() / max(losses.sum(), np.finfo(np.float64).tiny)
    title = (
        f"{which}: {100 * len(tiles) / len(image_set):.1f} % of the images, "
        f"{100 * share:.1f} % of the whole loss"
    )
    return draw_grid(title, [Section("", tiles)], columns=square_columns(len(tiles)), figure=figure)


@explains_arguments("ck.plots.confused")
def confused(
    evaluation: Evaluation,
    image_set: ImageSet,
    *,
    pairs: int = 5,
    n: int = 6,
    seed: int = 0,
    figure: Figure | None = None,
) -> Figure:
    """Draw pictures of the classes that are mixed up most often, chosen at random.

    Args:
        evaluation: the evaluation of the image set.
        image_set: the pictures and their labels.
        pairs: how many kinds of mistake; all if there are fewer.
        n: how many pictures of each kind; all if there are fewer.
        seed: the seed of the choice.
        figure: as for `samples`.

    Returns:
        The figure, without pictures if there is no mistake.

    Raises:
        DataError: the evaluation is not of this set, the set is empty, or `pairs` or `n` is not a
            whole number of at least 1.

    >>> import torch
    >>> pictures = ImageSet(torch.zeros(3, 3, 32, 32, dtype=torch.uint8),
    ...                     torch.tensor([0, 1, 1]), ("cat", "dog"))
    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], np.float32)
    >>> evaluation = Evaluation(logits, pictures.labels.numpy(), pictures.classes)
    >>> confused(evaluation, pictures, figure=Figure()).get_suptitle()
    '1 of all 1 mistakes are of the most frequent kind'
    """
    check_match(evaluation, image_set)
    checked("n", n, Count)
    most = mistakes.confused_pairs(evaluation, checked("pairs", pairs, Count))
    sections = []
    for pair in most:
        true, called = (evaluation.classes.index(name) for name in (pair.true, pair.predicted))
        alike = (evaluation.labels == true) & (evaluation.predicted == called)
        answers = answers_at(evaluation, image_set, drawn(np.flatnonzero(alike), n, seed))
        # The heading names both classes, so above each picture is only the network's confidence.
        tiles = [
            Tile(answer.picture, f"{100 * answer.confidence:.0f} % sure", answer.wrong)
            for answer in answers
        ]
        sections.append(Section(str(pair), tiles))
    return draw_grid(_confused_title(evaluation, most), sections, columns=n, figure=figure)


def _confused_title(evaluation: Evaluation, most: list[mistakes.ConfusedPair]) -> str:
    wrong = len(evaluation) - evaluation.correct
    if not most:
        return f"All {len(evaluation):,} images are right: there is no mistake to show"
    shown = sum(pair.count for pair in most)
    kinds = "most frequent kind" if len(most) == 1 else f"{len(most)} most frequent kinds"
    return f"{shown:,} of all {wrong:,} mistakes are of the {kinds}"
