"""Several views of each picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import cifarkit as ck

VIEWS = st.builds(
    ck.TestTimeAugmentation,
    flip=st.booleans(),
    shift=st.integers(0, 16),
    size=st.integers(8, 32),
)


def pictures(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, 32, 32, generator=generator) * 2 - 1


def slowly_shifted(image: Tensor, pixels: int) -> Tensor:
    """Move the window by some pixels down and right, the border mirrored, pixel by pixel."""

    def mirrored(position: int) -> int:
        return -position if position < 0 else 62 - position if position > 31 else position

    moved = torch.empty_like(image)
    for row in range(32):
        for column in range(32):
            moved[:, row, column] = image[:, mirrored(row + pixels), mirrored(column + pixels)]
    return moved


@settings(deadline=None, max_examples=30)
@given(test_time=VIEWS, seed=st.integers(0, 1000))
def test_the_shares_sum_to_one_and_every_view_is_a_batch_of_windows(
    test_time: ck.TestTimeAugmentation, seed: int
) -> None:
    images = pictures(2, seed)
    before = images.clone()
    views = list(test_time.views(images))
    assert sum(share for share, _ in views) == pytest.approx(1)
    size, begin = test_time.size, (32 - test_time.size) // 2
    assert all(view.shape == (2, 3, size, size) for _, view in views)
    assert torch.equal(views[0][1], images[:, :, begin : begin + size, begin : begin + size])
    assert torch.equal(images, before)
    assert len(views) == (2 if test_time.flip else 1) * (3 if test_time.shift else 1)


@pytest.mark.parametrize(
    "test_time",
    [ck.TestTimeAugmentation(shift=1), ck.TestTimeAugmentation(shift=10, size=8)],
    ids=repr,
)
def test_pictures_that_are_smaller_than_what_is_shown_are_refused(
    test_time: ck.TestTimeAugmentation,
) -> None:
    with pytest.raises(ck.DataError, match="have sides of 10; choose a smaller size= or shift="):
        list(test_time.views(torch.zeros(2, 3, 10, 10)))


def test_pictures_that_are_not_square_are_refused() -> None:
    with pytest.raises(ck.DataError, match="square windows of square images, found 20 by 40"):
        list(ck.TestTimeAugmentation(size=16).views(torch.zeros(2, 3, 20, 40)))


@pytest.mark.parametrize("shift", [1, 3])
def test_the_views_are_the_picture_mirrored_and_moved(shift: int) -> None:
    images = pictures(1)
    views = [view for _, view in ck.TestTimeAugmentation(flip=True, shift=shift).views(images)]
    moved = [images[0], slowly_shifted(images[0], -shift), slowly_shifted(images[0], shift)]
    wanted = [way for view in moved for way in (view, view.flip(2))]
    assert all(torch.equal(view[0], way) for view, way in zip(views, wanted, strict=True))


def test_windows_moved_by_half_of_what_they_leave_out_are_the_middle_and_two_corners() -> None:
    images = pictures(2)
    moved = ck.TestTimeAugmentation(flip=False, shift=2, size=28)
    found = [view for _, view in moved.views(images)]
    wanted = [images[:, :, begin : begin + 28, begin : begin + 28] for begin in (2, 0, 4)]
    assert all(torch.equal(view, window) for view, window in zip(found, wanted, strict=True))


def test_windows_that_a_network_cannot_take_are_refused_before_training(tiny: ck.Splits) -> None:
    with pytest.raises(ck.ModelContractError, match="does not take images batch 3 28 28"):
        ck.train("linear", tiny, epochs=1, test_time=ck.TestTimeAugmentation(size=28))
    ck.train("linear", tiny, epochs=1, test_time=ck.TestTimeAugmentation(size=32))


@pytest.mark.parametrize("ask", [ck.evaluate, ck.predict])
def test_windows_that_a_network_cannot_take_are_told_when_it_is_asked(
    ask: Callable[..., Any], tiny: ck.Splits
) -> None:
    with pytest.raises(ck.ModelContractError, match="does not take images batch 3 28 28"):
        ask(ck.create_model("linear"), tiny.test, test_time=ck.TestTimeAugmentation(size=28))


def test_a_mirrored_picture_gets_the_same_answer_only_with_both_views(tiny: ck.Splits) -> None:
    with ck.seeded("weights", 0):
        model = ck.create_model("linear")
    images, both = tiny.test.images, ck.TestTimeAugmentation(flip=True, shift=0)
    ways = [
        ck.predict(model, some, test_time=both).probabilities for some in (images, images.flip(3))
    ]
    np.testing.assert_allclose(*ways, rtol=1e-4, atol=1e-6)
    alone = [ck.predict(model, some).probabilities for some in (images, images.flip(3))]
    assert not np.allclose(*alone, rtol=1e-2)


def test_evaluation_averages_the_logits_of_the_views(tiny: ck.Splits) -> None:
    with ck.seeded("weights", 0):
        model = ck.create_model("mlp").eval()
    test_time = ck.TestTimeAugmentation()
    with torch.no_grad():
        views = test_time.views(ck.to_floats(tiny.test.images))
        wanted = sum(share * model(view) for share, view in views)
    found = ck.evaluate(model, tiny.test, test_time=test_time).logits
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4, atol=1e-5)
    assert not np.allclose(found, ck.evaluate(model, tiny.test).logits, atol=1e-4)


def test_one_view_is_the_evaluation_without_any(tiny: ck.Splits) -> None:
    model = ck.create_model("linear")
    one = ck.TestTimeAugmentation(flip=False, shift=0)
    plain = ck.evaluate(model, tiny.test).logits
    assert np.array_equal(ck.evaluate(model, tiny.test, test_time=one).logits, plain)


def test_the_history_is_measured_on_each_image_as_it_is(tiny: ck.Splits) -> None:
    run = ck.train("linear", tiny, epochs=1, test_time=ck.TestTimeAugmentation())
    assert isinstance(run.model, nn.Module)
    assert run.history[-1]["val_loss"] == ck.evaluate(run.model, tiny.val).loss
