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

SIDE = 32


def pictures(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 3, SIDE, SIDE), generator=generator).to(torch.uint8)


def seeded(seed: int) -> Generator:
    return torch.Generator().manual_seed(seed)


def slow_flip(augmentation: ck.Flip, images: Tensor, generator: Generator) -> Tensor:
    draws = torch.rand(len(images), generator=generator).tolist()
    changed = images.clone()
    for number, draw in enumerate(draws):
        if draw < augmentation.probability:
            for column in range(SIDE):
                changed[number, :, :, column] = images[number, :, :, SIDE - 1 - column]
    return changed


def mirrored(place: int) -> int:
    """Bring a place outside the picture back in, as a mirror at the border pixel would."""
    if place < 0:
        return -place
    return 2 * (SIDE - 1) - place if place > SIDE - 1 else place


def slow_crop(augmentation: ck.Crop, images: Tensor, generator: Generator) -> Tensor:
    reach = augmentation.padding
    draws = torch.randint(-reach, reach + 1, (2, len(images), 1), generator=generator)
    changed = images.clone()
    for number in range(len(images)):
        down, right = int(draws[0, number]), int(draws[1, number])
        for row in range(SIDE):
            for column in range(SIDE):
                changed[number, :, row, column] = images[
                    number, :, mirrored(row + down), mirrored(column + right)
                ]
    return changed


def slow_cutout(augmentation: ck.Cutout, images: Tensor, generator: Generator) -> Tensor:
    draws = torch.randint(SIDE, (2, len(images), 1), generator=generator)
    changed = images.clone()
    for number in range(len(images)):
        top, left = (int(draws[axis, number]) - augmentation.size // 2 for axis in (0, 1))
        bottom, right = top + augmentation.size, left + augmentation.size
        changed[number, :, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 128
    return changed


SLOW = {ck.Flip: slow_flip, ck.Crop: slow_crop, ck.Cutout: slow_cutout}
chosen = st.one_of(
    st.builds(ck.Flip, probability=st.floats(0, 1)),
    st.builds(ck.Crop, padding=st.integers(1, 16)),
    st.builds(ck.Cutout, size=st.integers(1, 32)),
)


@settings(deadline=None, max_examples=40)
@given(augmentation=chosen, count=st.integers(0, 4), seed=st.integers(0, 2**32))
def test_the_whole_batch_is_changed_as_one_picture_after_the_other(
    augmentation: ck.Flip | ck.Crop | ck.Cutout, count: int, seed: int
) -> None:
    images = pictures(count, seed)
    before = images.clone()
    quick = augmentation(images, seeded(seed))
    slow = SLOW[type(augmentation)](augmentation, images, seeded(seed))  # type: ignore[arg-type]
    assert (quick.dtype, quick.shape) == (torch.uint8, images.shape)
    assert torch.equal(quick, slow)
    assert torch.equal(images, before)  # it is left as it was


def test_every_built_in_augmentation_has_a_slow_twin() -> None:
    built_in = {
        kind for kind in Augmentation.__subclasses__() if kind.__module__.startswith("cifarkit.")
    }
    assert built_in == set(SLOW)


@pytest.mark.parametrize("augmentation", [ck.Flip(), ck.Crop(padding=4), ck.Cutout(size=8)])
def test_a_twin_that_draws_other_numbers_is_told_apart(
    augmentation: ck.Flip | ck.Crop | ck.Cutout,
) -> None:
    images = pictures(8)
    other = SLOW[type(augmentation)](augmentation, images, seeded(1))  # type: ignore[arg-type]
    assert not torch.equal(augmentation(images, seeded(0)), other)


@pytest.mark.parametrize("augmentation", [ck.Flip(), ck.Crop(padding=4), ck.Cutout(size=8)])
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
