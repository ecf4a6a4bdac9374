from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cifarkit.data.image_set import ImageSet
from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.plots import confused, top_losses


def bytes_of(ax: Axes) -> np.ndarray:
    return np.asarray(ax.images[0].get_array()).transpose(2, 0, 1)


@pytest.fixture
def graded(image_set: ImageSet) -> Evaluation:
    """Make an evaluation of the 40 pictures in which no two losses are alike."""
    logits = np.random.default_rng(0).normal(0, 2, (40, 3)).astype(np.float32)
    return Evaluation(logits, image_set.labels.numpy(), image_set.classes)


def test_the_worst_picture_comes_first(graded: Evaluation, image_set: ImageSet) -> None:
    figure = top_losses(graded, image_set, n=5, figure=Figure())
    worst = np.argsort(graded.losses)[::-1][:5]
    assert len(figure.axes) == 5
    for ax, index in zip(figure.axes, worst, strict=True):
        assert np.array_equal(bytes_of(ax), image_set.images[index])
        assert ax.get_title(loc="left").endswith(f"\nloss {graded.losses[index]:.2f}")


def test_the_title_weighs_the_worst_against_all(graded: Evaluation, image_set: ImageSet) -> None:
    figure = top_losses(graded, image_set, n=4, figure=Figure())
    share = np.sort(graded.losses)[-4:].sum() / graded.losses.sum()
    assert figure.get_suptitle() == (
        f"The 4 largest losses: 10.0 % of the images, {100 * share:.3g} % of the whole loss"
    )


def test_losses_of_nothing_are_shown_as_such(
    evaluate_as: Callable[..., Evaluation],
) -> None:
    sure = evaluate_as([[2, 0], [0, 2]], ("cat", "dog"), sure=1e4)
    pictures = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
    image_set = ImageSet(pictures, torch.from_numpy(sure.labels), sure.classes)
    figure = top_losses(sure, image_set, n=1, figure=Figure())
    assert (
        figure.get_suptitle() == "The largest loss: 25.0 % of the images, 0.0 % of the whole loss"
    )
    assert figure.axes[0].get_title(loc="left").endswith("loss 0.00")


def test_confused_pictures_are_of_the_pair_in_their_heading(
    evaluation: Evaluation, image_set: ImageSet
) -> None:
    figure = confused(evaluation, image_set, n=6, figure=Figure(figsize=(8, 3)))
    assert [text.get_text() for text in figure.texts][-2:] == [
        "cat called dog: 5 (50.0 %)",
        "dog called frog: 2 (10.0 %)",
    ]
    mistakes = [*range(5, 10), 28, 29]
    drawn = {bytes_of(ax).tobytes() for ax in figure.axes}
    assert drawn == {image_set.images[index].numpy().tobytes() for index in mistakes}
    assert all(ax.get_title(loc="left") == "91 % sure" for ax in figure.axes)


def test_confused_pictures_are_drawn_by_the_seed(
    evaluation: Evaluation, image_set: ImageSet
) -> None:
    first, again, other = (
        [
            bytes_of(ax).tobytes()
            for ax in confused(evaluation, image_set, pairs=1, n=3, seed=seed, figure=Figure()).axes
        ]
        for seed in (1, 1, 4)
    )
    assert len(first) == 3
    assert first == again != other


def test_the_title_of_confused_pictures_counts_mistakes(
    evaluation: Evaluation, image_set: ImageSet
) -> None:
    figure = confused(evaluation, image_set, pairs=1, figure=Figure())
    assert figure.get_suptitle() == "5 of all 7 mistakes are of the most frequent kind"


def test_without_a_mistake_there_is_no_picture(
    evaluate_as: Callable[..., Evaluation], image_set: ImageSet
) -> None:
    perfect = evaluate_as([[10, 0, 0], [0, 20, 0], [0, 0, 10]])
    figure = confused(perfect, image_set, figure=Figure())
    assert figure.get_suptitle() == "All 40 images are right: there is no mistake to show"
    assert figure.axes == []


@pytest.mark.parametrize("options", [{"pairs": 0}, {"n": 0}])
def test_nonsense_for_a_count_is_refused(
    evaluation: Evaluation, image_set: ImageSet, options: dict[str, int]
) -> None:
    (name,) = options
    with pytest.raises(DataError, match=f"^{name} must be a whole number, value >= 1; found 0"):
        confused(evaluation, image_set, figure=Figure(), **options)


@pytest.mark.parametrize("plot", [top_losses, confused])
def test_another_set_is_refused(
    plot: Callable[..., Figure], evaluation: Evaluation, image_set: ImageSet
) -> None:
    with pytest.raises(DataError, match="the evaluation is of 40 images, but the image set has 3"):
        plot(evaluation, image_set.subset([0, 1, 2]), figure=Figure())
