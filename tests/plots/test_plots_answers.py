from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import cifarkit as ck
from cifarkit.data.image_set import ImageSet, to_bytes
from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.plots.answers import answers_at, check_match, drawn, pictures_at


def test_a_seed_gives_the_same_places_again() -> None:
    indices = np.arange(1000)
    assert drawn(indices, 20, seed=1).tolist() == drawn(indices, 20, seed=1).tolist()
    assert drawn(indices, 20, seed=1).tolist() != drawn(indices, 20, seed=2).tolist()


def test_drawing_does_not_touch_the_global_generator() -> None:
    before = torch.get_rng_state()
    drawn(np.arange(10), 5, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_no_place_is_drawn_twice_and_all_where_there_are_few() -> None:
    assert sorted(drawn(np.array([3, 5, 8]), 25, seed=0).tolist()) == [3, 5, 8]


def test_every_place_is_drawn_about_alike() -> None:
    chosen = np.concatenate([drawn(np.arange(10), 3, seed) for seed in range(1000)])
    assert np.bincount(chosen, minlength=10) == pytest.approx([300] * 10, abs=75)


@pytest.mark.parametrize("n", [0, -1, 2.0, True, "9", None])
def test_nonsense_for_a_count_is_refused(n: Any) -> None:
    with pytest.raises(DataError, match=r"^n must be a whole number, value >= 1; found"):
        drawn(np.array([3, 5, 8]), n, seed=0)


def test_pictures_are_what_the_network_saw_with_the_normalisation_undone(
    image_set: ImageSet,
) -> None:
    (picture,) = pictures_at(image_set, np.array([7]))
    seen, _ = image_set[7]
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, to_bytes(seen).permute(1, 2, 0).numpy())


def test_an_empty_set_has_nothing_to_draw(image_set: ImageSet) -> None:
    with pytest.raises(DataError, match="nothing to draw: the image set is empty"):
        pictures_at(image_set.subset([]), np.array([], np.int64))


def test_answers_say_what_how_surely_and_what_it_is(
    evaluation: Evaluation, image_set: ImageSet
) -> None:
    right, wrong = answers_at(evaluation, image_set, np.array([0, 5]))
    assert (str(right), right.true, right.wrong) == ("cat 91 %", "cat", False)
    assert (str(wrong), wrong.true, wrong.wrong) == ("dog 91 %", "cat", True)
    assert wrong.confidence == pytest.approx(np.exp(3) / (np.exp(3) + 2))


def test_an_evaluation_of_another_number_of_images_is_refused(
    evaluation: Evaluation, image_set: ImageSet
) -> None:
    with pytest.raises(DataError) as error:
        check_match(evaluation, image_set.subset(range(7)))
    assert str(error.value) == (
        "the evaluation is of 40 images, but the image set has 7; pass the set that was evaluated"
    )


def test_an_evaluation_in_another_order_is_refused(
    evaluation: Evaluation, image_set: ImageSet
) -> None:
    check_match(evaluation, image_set)
    with pytest.raises(DataError, match="different labels; pass the set that was evaluated, in"):
        check_match(evaluation, image_set.subset(range(39, -1, -1)))


def test_an_evaluation_of_other_classes_is_refused(
    evaluation: Evaluation, image_set: ImageSet
) -> None:
    other = ImageSet(image_set.images, image_set.labels, ("cat", "dog", "toad"))
    with pytest.raises(DataError, match="different classes"):
        check_match(evaluation, other)


@pytest.mark.parametrize(
    "draw",
    [
        ck.plots.confusion,
        ck.plots.per_class,
        ck.plots.reliability,
        ck.confused_pairs,
        ck.top_losses,
        ck.calibrate,
        lambda run: ck.plots.predictions(run, tiny_set()),
        lambda run: ck.plots.top_losses(run, tiny_set()),
        lambda run: ck.plots.confused(run, tiny_set()),
    ],
)
def test_a_run_in_place_of_its_evaluation_is_shown_the_way(draw: Callable[[Any], Any]) -> None:
    run = ck.Run(None, classes=("cat", "dog"), recipe=ck.Recipe(), seed=0)
    with pytest.raises(DataError, match=r"as ck\.evaluate\(run\.model, .* found Run"):
        draw(run)


def test_a_batch_in_place_of_a_set_is_shown_the_way() -> None:
    pair = tiny_set()
    batch = ck.Batch(pair.images, pair.labels)
    with pytest.raises(DataError, match=r"an ImageSet, such as splits\.test; found Batch"):
        ck.plots.samples(batch)  # type: ignore[arg-type]


def tiny_set() -> ImageSet:
    return ImageSet(torch.zeros(2, 3, 32, 32).byte(), torch.tensor([0, 1]), ("cat", "dog"))
