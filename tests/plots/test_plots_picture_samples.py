from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cifarkit.data.image_set import ImageSet
from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.plots import predictions, samples


def index_of(ax: Axes, image_set: ImageSet) -> int:
    """Find which picture of the set is drawn, by its bytes."""
    drawn = np.asarray(ax.images[0].get_array()).transpose(2, 0, 1)
    (index,) = (i for i in range(len(image_set)) if np.array_equal(image_set.images[i], drawn))
    return index


def indices(figure: Figure, image_set: ImageSet) -> list[int]:
    return [index_of(ax, image_set) for ax in figure.axes]


def test_samples_are_the_bytes_of_the_set_under_their_names(image_set: ImageSet) -> None:
    figure = Figure(figsize=(4, 3))
    assert samples(image_set, n=6, figure=figure) is figure
    assert len(figure.axes) == 6
    for ax in figure.axes:
        label = image_set.labels[index_of(ax, image_set)]
        assert ax.get_title(loc="left") == image_set.classes[label]
        assert ax.images[0].get_interpolation() == "nearest"


def test_samples_are_drawn_by_the_seed(image_set: ImageSet) -> None:
    first, again, other = (
        indices(samples(image_set, n=8, seed=seed, figure=Figure()), image_set)
        for seed in (1, 1, 2)
    )
    assert first == again != other
    assert len(set(first)) == 8


def test_the_title_of_samples_says_of_how_many(image_set: ImageSet) -> None:
    figure = samples(image_set, n=2, figure=Figure())
    assert figure.get_suptitle() == "2 of 40 images of 3 classes, drawn at random"


def test_small_sets_are_shown_whole(image_set: ImageSet) -> None:
    figure = samples(image_set.subset([4, 9]), figure=Figure())
    assert sorted(indices(figure, image_set)) == [4, 9]


def test_an_empty_set_is_refused(image_set: ImageSet) -> None:
    with pytest.raises(DataError, match="nothing to draw"):
        samples(image_set.subset([]), figure=Figure())


def test_predictions_stand_over_the_truth(evaluation: Evaluation, image_set: ImageSet) -> None:
    figure = predictions(evaluation, image_set, n=8, figure=Figure(figsize=(10, 3)))
    assert len(figure.axes) == 8
    for ax in figure.axes:
        index = index_of(ax, image_set)
        called, true = evaluation.predicted[index], evaluation.labels[index]
        names = evaluation.classes
        assert ax.get_title(loc="left") == f"{names[called]} 91 %\ntrue: {names[true]}"


def test_wrong_predictions_alone_are_framed_and_crossed(
    evaluation: Evaluation, image_set: ImageSet
) -> None:
    figure = predictions(evaluation, image_set, n=40, figure=Figure(figsize=(10, 3)))
    wrong = {
        index for index in range(40) if evaluation.predicted[index] != evaluation.labels[index]
    }
    framed = {
        index_of(ax, image_set)
        for ax in figure.axes
        if all(spine.get_visible() for spine in ax.spines.values())
    }
    crossed = {
        index_of(ax, image_set)
        for ax in figure.axes
        if [line.get_marker() for line in ax.lines] == ["X"]
    }
    unframed = [
        ax for ax in figure.axes if not any(spine.get_visible() for spine in ax.spines.values())
    ]
    assert framed == crossed == wrong
    assert len(unframed) == 40 - len(wrong) == 33


def test_the_title_of_predictions_compares_with_the_whole_set(
    evaluation: Evaluation, image_set: ImageSet
) -> None:
    figure = predictions(evaluation, image_set, n=8, figure=Figure(figsize=(10, 3)))
    right = sum(not ax.lines for ax in figure.axes)
    assert 0 < right < 8
    assert figure.get_suptitle() == (
        f"{right} of these 8 are right; of all 40 images 82.5 %. Drawn at random"
    )


def test_predictions_refuse_another_set(evaluation: Evaluation, image_set: ImageSet) -> None:
    with pytest.raises(DataError, match="the evaluation is of 40 images, but the image set has 3"):
        predictions(evaluation, image_set.subset([0, 1, 2]), figure=Figure())
