"""Each augmentation against a slow one that goes picture by picture, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

import cifarkit as ck
from cifarkit.data.augmentations import Augmentation
from cifarkit.randomness import generator_for

SIDE = 32


def pictures(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 3, SIDE, SIDE), generator=generator).to(torch.uint8)


def seeded(seed: int, count: int = 8) -> ck.AugmentationContext:
    indices = torch.arange(count)
    return ck.AugmentationContext(
        seed, epoch=seed % 3, epochs=3, step=0, indices=indices, total=count
    )


def slow_flip(augmentation: ck.Flip, images: Tensor, generator: Generator) -> Tensor:
    draws = torch.rand(len(images), generator=generator).tolist()
    changed = images.clone()
    for number, draw in enumerate(draws):
        if draw < augmentation.probability:
            for column in range(SIDE):
                changed[number, :, :, column] = images[number, :, :, SIDE - 1 - column]
    return changed


def slow_alternating_flip(
    augmentation: ck.AlternatingFlip, images: Tensor, draw: ck.Draw
) -> Tensor:
    coins = torch.rand(draw.total, generator=generator_for("flip", draw.run_seed)).tolist()
    changed = images.clone()
    for number, position in enumerate(draw.indices.tolist()):
        in_even_epochs = coins[position] < 0.5
        if in_even_epochs == (draw.epoch % 2 == 0):
            for column in range(SIDE):
                changed[number, :, :, column] = images[number, :, :, SIDE - 1 - column]
    return changed


def mirrored(position: int) -> int:
    """Bring a position outside the picture back in, as a mirror at the border pixel would."""
    if position < 0:
        return -position
    return 2 * (SIDE - 1) - position if position > SIDE - 1 else position


def slow_crop(augmentation: ck.Crop, images: Tensor, generator: Generator) -> Tensor:
    reach, size = augmentation.padding, augmentation.size
    last = SIDE + reach - size
    draws = torch.randint(-reach, last + 1, (2, len(images), 1), generator=generator)
    changed = torch.empty(len(images), 3, size, size, dtype=torch.uint8)
    for number in range(len(images)):
        top, left = int(draws[0, number]), int(draws[1, number])
        for row in range(size):
            for column in range(size):
                changed[number, :, row, column] = images[
                    number, :, mirrored(top + row), mirrored(left + column)
                ]
    return changed


def slow_growing_crop(augmentation: ck.GrowingCrop, images: Tensor, draw: ck.Draw) -> Tensor:
    first, last, step = augmentation.first, augmentation.last, augmentation.step
    line = first + (last - first) * draw.epoch / (draw.epochs - 1)
    times = min(range(SIDE), key=lambda times: (abs(first + times * step - line), times % 2))
    side = last if draw.epoch == draw.epochs - 1 else min(first + times * step, last)
    return slow_crop(ck.Crop(padding=0, size=side), images, draw)


def slow_cutout(augmentation: ck.Cutout, images: Tensor, generator: Generator) -> Tensor:
    draws = torch.randint(SIDE, (2, len(images), 1), generator=generator)
    changed = images.clone()
    for number in range(len(images)):
        top, left = (int(draws[axis, number]) - augmentation.size // 2 for axis in (0, 1))
        bottom, right = top + augmentation.size, left + augmentation.size
        changed[number, :, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 128
    return changed


SLOW = {
    ck.Flip: slow_flip,
    ck.AlternatingFlip: slow_alternating_flip,
    ck.Crop: slow_crop,
    ck.Cutout: slow_cutout,
    ck.GrowingCrop: slow_growing_crop,
}


growing = st.builds(
    ck.GrowingCrop, first=st.integers(8, 24), last=st.integers(24, 32), step=st.integers(1, 24)
)
chosen = st.one_of(
    st.builds(ck.Flip, probability=st.floats(0, 1)),
    st.builds(ck.AlternatingFlip),
    st.builds(ck.Crop, padding=st.integers(0, 16), size=st.integers(8, 32)),
    st.builds(ck.Cutout, size=st.integers(1, 32)),
    growing,
)


@settings(deadline=None, max_examples=40)
@given(augmentation=chosen, count=st.integers(0, 4), seed=st.integers(0, 2**32))
def test_the_whole_batch_is_changed_as_one_picture_after_the_other(
    augmentation: Augmentation, count: int, seed: int
) -> None:
    images = pictures(count, seed)
    before = images.clone()
    quick = augmentation(images, seeded(seed, count))
    slow = SLOW[type(augmentation)](augmentation, images, seeded(seed, count))  # type: ignore[operator]
    assert (quick.dtype, quick.shape) == (torch.uint8, slow.shape)
    assert torch.equal(quick, slow)
    assert torch.equal(images, before)  # it is left as it was


def test_every_built_in_augmentation_has_a_slow_twin() -> None:
    built_in = {
        kind for kind in Augmentation.__subclasses__() if kind.__module__.startswith("cifarkit.")
    }
    # Transform goes picture by picture already, and is compared with torchvision in tests/outside.
    assert built_in - {ck.Transform} == set(SLOW)


EACH = [
    *(ck.Flip(), ck.AlternatingFlip()),
    *(ck.Crop(padding=4), ck.Crop(padding=0, size=24), ck.GrowingCrop()),
    ck.Cutout(size=8),
]


@pytest.mark.parametrize("augmentation", EACH, ids=repr)
def test_a_twin_that_draws_other_numbers_is_told_apart(
    augmentation: Augmentation,
) -> None:
    images = pictures(8)
    other = SLOW[type(augmentation)](augmentation, images, seeded(1))  # type: ignore[operator]
    assert not torch.equal(augmentation(images, seeded(0)), other)


@pytest.mark.parametrize("augmentation", EACH, ids=repr)
def test_all_chance_comes_from_the_generator(augmentation: Augmentation) -> None:
    images, state = pictures(8), torch.get_rng_state()
    first = augmentation(images, seeded(3))
    torch.manual_seed(99)
    assert torch.equal(first, augmentation(images, seeded(3)))
    torch.set_rng_state(state)
    augmentation(images, seeded(4))
    assert torch.equal(torch.get_rng_state(), state)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32), probability=st.sampled_from([0.0, 0.5, 1.0]))
def test_flipping_twice_is_nothing(seed: int, probability: float) -> None:
    images, flip = pictures(4, seed), ck.Flip(probability=probability)
    assert torch.equal(flip(flip(images, seeded(seed)), seeded(seed)), images)


def seen_both_ways(flip: Augmentation, seed: int, count: int = 200) -> float:
    """Return the share of pictures that two following epochs show in both directions."""
    row = torch.arange(SIDE, dtype=torch.uint8).expand(count, 3, SIDE, SIDE)
    indices = torch.arange(count)
    first, second = (
        flip(
            row,
            ck.AugmentationContext(
                seed, epoch=epoch, epochs=9, step=0, indices=indices, total=count
            ),
        )
        for epoch in (seed % 5, seed % 5 + 1)
    )
    return float((first[:, 0, 0, 0] != second[:, 0, 0, 0]).double().mean())


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_an_alternating_flip_shows_every_picture_both_ways_and_a_coin_does_not(seed: int) -> None:
    assert seen_both_ways(ck.AlternatingFlip(), seed) == 1
    assert 0.2 < seen_both_ways(ck.Flip(), seed) < 0.8


def test_an_alternating_flip_knows_a_picture_wherever_it_stands_in_a_batch() -> None:
    images, indices = pictures(8), torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    inner = ck.AugmentationContext(0, epoch=1, epochs=2, step=0, indices=torch.arange(8), total=8)
    mixed = ck.AugmentationContext(0, epoch=1, epochs=2, step=5, indices=indices, total=8)
    flip = ck.AlternatingFlip()
    assert torch.equal(flip(images, inner)[indices], flip(images[indices], mixed))


@pytest.mark.parametrize("augmentation", [ck.AlternatingFlip(), ck.GrowingCrop()], ids=repr)
def test_what_needs_a_draw_says_so_without_one(augmentation: Augmentation) -> None:
    with pytest.raises(
        ck.DataError, match=rf"{type(augmentation).__name__} .* ck\.AugmentationContext"
    ):
        augmentation(pictures(2), torch.Generator())


def test_a_flip_of_probability_none_or_one_is_certain() -> None:
    images = pictures(64)
    assert torch.equal(ck.Flip(probability=0)(images, seeded(0)), images)
    assert torch.equal(ck.Flip(probability=1)(images, seeded(0)), images.flip(3))


def far_from_half(flip: Augmentation) -> bool:
    images = torch.zeros(2_000, 1, 1, 2, dtype=torch.uint8)
    images[..., 0] = 1
    share = float(flip(images, seeded(0))[:, 0, 0, 1].double().mean())
    return abs(share - 0.5) > 0.056  # five standard deviations


def test_half_the_pictures_are_flipped_and_a_biased_coin_is_caught() -> None:
    assert not far_from_half(ck.Flip())
    assert far_from_half(ck.Flip(probability=0.4))


@pytest.mark.parametrize("padding", [1, 4, 16])
def test_a_crop_reaches_every_shift_and_no_further(padding: int) -> None:
    column = torch.arange(SIDE, dtype=torch.uint8).expand(2_000, 3, SIDE, SIDE)
    middle = ck.Crop(padding=padding)(column, seeded(0))[:, 0, 16, 15].tolist()
    expected = {mirrored(15 + shift) for shift in range(-padding, padding + 1)}
    assert set(middle) == expected


def test_a_window_without_padding_stays_inside_and_reaches_every_corner() -> None:
    column = torch.arange(SIDE, dtype=torch.uint8).expand(2_000, 3, SIDE, SIDE)
    windows = ck.Crop(padding=0, size=28)(column, seeded(0))
    assert set(windows[:, 0, 0, 0].tolist()) == {0, 1, 2, 3, 4}
    assert set(windows[:, 0, 0, -1].tolist()) == {27, 28, 29, 30, 31}


@settings(deadline=None, max_examples=40)
@given(epochs=st.integers(1, 12), crop=growing)
def test_a_growing_window_goes_from_the_first_side_to_the_last_and_never_back(
    epochs: int, crop: ck.GrowingCrop
) -> None:
    draws = [
        ck.AugmentationContext(
            0, epoch=epoch, epochs=epochs, step=0, indices=torch.arange(1), total=1
        )
        for epoch in range(epochs)
    ]
    sides = [crop(pictures(1), draw).shape[-1] for draw in draws]
    assert sides[-1] == crop.last
    assert sides == sorted(sides)
    assert epochs == 1 or sides[0] == crop.first
    assert all((side - crop.first) % crop.step == 0 for side in sides if side < crop.last)


def test_a_window_larger_than_the_picture_is_named_as_it_was_written() -> None:
    with pytest.raises(
        ck.DataError, match=r"GrowingCrop\(first=20, last=28, step=1\) cannot be cut"
    ):
        ck.GrowingCrop()(pictures(8)[:, :, :16, :16], seeded(0))


def test_a_window_that_would_shrink_is_refused() -> None:
    with pytest.raises(ck.RecipeError, match=r"first=28: .* <= 24\n  last=20: .* 24 <="):
        ck.GrowingCrop(first=28, last=20)


def test_a_crop_keeps_the_channels_of_a_pixel_together() -> None:
    images = pictures(8)[:, :1].repeat(1, 3, 1, 1)
    changed = ck.Crop(padding=4)(images, seeded(0))
    assert torch.equal(changed[:, 0], changed[:, 1])
    assert torch.equal(changed[:, 0], changed[:, 2])


def test_a_cutout_as_large_as_the_picture_leaves_some_of_most() -> None:
    white = torch.full((64, 3, SIDE, SIDE), 255, dtype=torch.uint8)
    grey = (ck.Cutout(size=32)(white, seeded(0)) == 128).flatten(1).double().mean(1)
    assert float(grey.min()) >= 0.25  # the centre lies in the picture, so a quarter is covered
    assert float(grey.max()) <= 1


def test_a_students_own_augmentation_is_a_value_too() -> None:
    @dataclass(frozen=True)
    class Invert(ck.Augmentation):
        def __call__(self, images: Tensor, generator: Generator) -> Tensor:
            return 255 - images

    recipe = ck.Recipe(augment=(Invert(), ck.Flip()))
    assert recipe == ck.Recipe(augment=(Invert(), ck.Flip()))
    assert Invert()(pictures(2), seeded(0)).dtype == torch.uint8


def test_an_augmentation_without_a_body_cannot_be_made() -> None:
    @dataclass(frozen=True)
    class Nothing(ck.Augmentation):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Nothing()  # type: ignore[abstract]
