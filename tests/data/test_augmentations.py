"""Each augmentation against a slow one that goes picture by picture, pixel by pixel."""

from __future__ import annotations

import colorsys
import math
import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as torchvision

import cifarkit as ck
from cifarkit.data.augmentations import Augmentation
from cifarkit.data.trivial_operations import OPERATIONS
from cifarkit.randomness import generator_for

SIDE = 32
BILINEAR = InterpolationMode.BILINEAR


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
    position = abs(position) % (2 * (SIDE - 1))
    return min(position, 2 * (SIDE - 1) - position)


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


def slow_rotation(augmentation: ck.Rotation, images: Tensor, generator: Generator) -> Tensor:
    draws = torch.rand(len(images), generator=generator).tolist()
    changed, middle = torch.empty(images.shape, dtype=torch.float64), (SIDE - 1) / 2
    for number, draw in enumerate(draws):
        angle = math.radians(augmentation.degrees * (2 * draw - 1))
        for row in range(SIDE):
            for column in range(SIDE):
                right, down = column - middle, row - middle
                x = middle + math.cos(angle) * right - math.sin(angle) * down
                y = middle + math.sin(angle) * right + math.cos(angle) * down
                changed[number, :, row, column] = between_pixels(images[number].double(), x, y)
    return changed


def between_pixels(image: Tensor, x: float, y: float) -> Tensor:
    """Mix the four pixels around a position by how near they are."""
    column, row = math.floor(x), math.floor(y)
    return sum(  # type: ignore[return-value]
        (1 - abs(x - right)) * (1 - abs(y - down)) * image[:, mirrored(down), mirrored(right)]
        for right in (column, column + 1)
        for down in (row, row + 1)
    )


def slow_color_jitter(augmentation: ck.ColorJitter, images: Tensor, generator: Generator) -> Tensor:
    order = torch.randperm(4, generator=generator).tolist()
    draws = 2 * torch.rand(4, len(images), generator=generator).double() - 1
    reaches = (augmentation.brightness, augmentation.contrast, augmentation.saturation)
    changed = []
    for number, image in enumerate(images.double() / 255):
        for change in order:
            if change == 3:
                image = slow_hue(image, augmentation.hue * float(draws[3, number]))
            else:
                factor = 1 + reaches[change] * float(draws[change, number])
                grey = torch.einsum(
                    "c,chw->hw", torch.tensor([0.2989, 0.587, 0.114]).double(), image
                )
                start = (torch.zeros_like(grey), grey.mean().expand_as(grey), grey)[change]
                image = (factor * image + (1 - factor) * start).clamp(0, 1)
        changed.append(255 * image)
    return torch.stack(changed) if changed else images


def slow_hue(image: Tensor, turn: float) -> Tensor:
    changed = torch.empty_like(image)
    for row in range(SIDE):
        for column in range(SIDE):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[:, row, column].tolist())
            pixel = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
            changed[:, row, column] = torch.tensor(pixel)
    return changed


def slow_random_erasing(
    augmentation: ck.RandomErasing, images: Tensor, generator: Generator
) -> Tensor:
    count, (low, high) = len(images), augmentation.area
    chosen = torch.rand(count, generator=generator).tolist()
    tries = torch.rand(2, count, 10, generator=generator).permute(1, 2, 0).tolist()
    positions = torch.rand(2, count, dtype=torch.float64, generator=generator).T.tolist()
    cover = torch.randint(256, images.shape, dtype=torch.uint8, generator=generator)
    changed = images.clone()
    for number in range(count):
        if chosen[number] >= augmentation.probability:
            continue
        for share, shape in tries[number]:
            area = SIDE**2 * (low + share * (high - low))
            ratio = math.exp((1 - 2 * shape) * math.log(1 / augmentation.ratio))
            height, width = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < height < SIDE and 0 < width < SIDE:
                top = int(positions[number][0] * (SIDE - height + 1))
                left = int(positions[number][1] * (SIDE - width + 1))
                hole = (number, slice(None), slice(top, top + height), slice(left, left + width))
                changed[hole] = cover[hole]
                break
    return changed


def slow_noise(augmentation: ck.Noise, images: Tensor, generator: Generator) -> Tensor:
    noise = torch.randn(images.shape, generator=generator)
    changed = [
        min(max(byte + augmentation.sd * draw, 0.0), 255.0)
        for byte, draw in zip(images.flatten().tolist(), noise.flatten().tolist(), strict=True)
    ]
    return torch.tensor(changed, dtype=torch.float64).view(images.shape)


def slow_trivial_augment(
    augmentation: ck.TrivialAugment, images: Tensor, generator: Generator
) -> Tensor:
    """Let torchvision do to each picture what its own TrivialAugmentWide does."""
    chosen = torch.randint(14, (len(images),), generator=generator).tolist()
    draws = torch.rand(len(images), generator=generator).tolist()
    changed = [
        torchvisions(number, image, 2 * draw - 1)
        for image, number, draw in zip(images, chosen, draws, strict=True)
    ]
    return torch.stack(changed) if changed else images


def torchvisions(number: int, image: Tensor, strength: float) -> Tensor:
    fractions, factor = image.double() / 255, 1 + 0.99 * strength
    slope = math.degrees(math.atan(0.99 * strength))
    of_fractions = {
        6: torchvision.adjust_brightness,
        7: torchvision.adjust_saturation,
        8: torchvision.adjust_contrast,
        9: torchvision.adjust_sharpness,
    }
    if number in of_fractions:
        return 255 * of_fractions[number](fractions, factor)
    return {
        0: lambda: image,
        1: lambda: warped_by_torchvision(image, shear=[slope, 0.0]),
        2: lambda: warped_by_torchvision(image, shear=[0.0, slope]),
        3: lambda: warped_by_torchvision(image, translate=[int(32 * strength), 0]),
        4: lambda: warped_by_torchvision(image, translate=[0, int(32 * strength)]),
        5: lambda: warped_by_torchvision(image, angle=-135 * strength),
        10: lambda: torchvision.posterize(image, round(8 - 6 * abs(strength))),
        11: lambda: torchvision.solarize(image, 255 * (1 - abs(strength))),
        12: lambda: 255 * torchvision.autocontrast(fractions),
        13: lambda: torchvision.equalize(image),
    }[number]()


def warped_by_torchvision(image: Tensor, **amount: Any) -> Tensor:
    """Warp a picture that was widened by mirrored pixels, and cut its middle out again."""
    wide, width = np.pad(image.double(), ((0, 0), (64, 64), (64, 64)), mode="reflect"), 64 + SIDE
    settings: dict[str, Any] = {"angle": 0.0, "translate": [0, 0], "shear": [0.0, 0.0]} | amount
    centre = [64.0, 64.0] if "shear" in amount else None  # the upper left corner; or the middle
    warped = torchvision.affine(
        torch.from_numpy(wide), scale=1.0, interpolation=BILINEAR, center=centre, **settings
    )
    return warped[:, 64:width, 64:width]


SLOW = {
    ck.Flip: slow_flip,
    ck.AlternatingFlip: slow_alternating_flip,
    ck.Crop: slow_crop,
    ck.Cutout: slow_cutout,
    ck.GrowingCrop: slow_growing_crop,
    ck.Rotation: slow_rotation,
    ck.ColorJitter: slow_color_jitter,
    ck.RandomErasing: slow_random_erasing,
    ck.Noise: slow_noise,
    ck.TrivialAugment: slow_trivial_augment,
}


growing = st.builds(
    ck.GrowingCrop, first=st.integers(8, 24), last=st.integers(24, 32), step=st.integers(1, 24)
)
values_of = runpy.run_path(str(Path(__file__).parents[1] / "value_strategies.py"))["values_of"]
chosen = st.one_of(growing, *map(values_of, SLOW))
ROUNDED = 0.51  # how far a byte may be from the fraction it was rounded from


def is_alike(quick: Tensor, slow: Tensor) -> bool:
    """Return whether bytes are the slow ones, or the nearest to slow fractions."""
    near = quick.shape == slow.shape and (quick.double() - slow.double()).abs() <= ROUNDED
    return bool(torch.as_tensor(near).all())


@settings(deadline=None, max_examples=100)
@given(augmentation=chosen, count=st.integers(0, 4), seed=st.integers(0, 2**32))
def test_the_whole_batch_is_changed_as_one_picture_after_the_other(
    augmentation: Augmentation, count: int, seed: int
) -> None:
    images = pictures(count, seed)
    before = images.clone()
    quick = augmentation(images, seeded(seed, count))
    slow = SLOW[type(augmentation)](augmentation, images, seeded(seed, count))  # type: ignore[operator]
    assert (quick.dtype, quick.shape) == (torch.uint8, slow.shape)
    assert is_alike(quick, slow)
    assert torch.equal(images, before)  # it is left as it was


def test_every_built_in_augmentation_has_a_slow_twin() -> None:
    built_in = {
        kind for kind in Augmentation.__subclasses__() if kind.__module__.startswith("cifarkit.")
    }
    # Transform goes picture by picture already, and is compared with torchvision in tests/outside.
    assert built_in - {ck.Transform} == set(SLOW) == {type(each) for each in EACH}


EACH = [
    *(ck.Flip(), ck.AlternatingFlip()),
    *(ck.Crop(padding=4), ck.Crop(padding=0, size=24), ck.GrowingCrop()),
    ck.Cutout(size=8),
    *(ck.Rotation(), ck.ColorJitter(hue=0.1), ck.RandomErasing(), ck.Noise(), ck.TrivialAugment()),
]


@pytest.mark.parametrize("augmentation", EACH, ids=repr)
def test_a_twin_that_draws_other_numbers_is_told_apart(
    augmentation: Augmentation,
) -> None:
    images = pictures(8)
    other = SLOW[type(augmentation)](augmentation, images, seeded(1))  # type: ignore[operator]
    assert not is_alike(augmentation(images, seeded(0)), other)


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


@pytest.mark.parametrize("number", range(14))
def test_each_operation_of_trivial_augment_is_torchvisions(number: int) -> None:
    images, strengths = pictures(21, seed=number), torch.linspace(-1, 1, 21)
    quick = OPERATIONS[number](images.float(), strengths).round()
    slow = [
        torchvisions(number, *pair).double()
        for pair in zip(images, strengths.tolist(), strict=True)
    ]
    assert is_alike(quick, torch.stack(slow))
    next_one = [
        torchvisions((number + 1) % 14, *pair).double()
        for pair in zip(images, strengths.tolist(), strict=True)
    ]
    assert not is_alike(quick, torch.stack(next_one))


def test_trivial_augment_has_the_operations_of_torchvision_by_name() -> None:
    theirs = v2.TrivialAugmentWide._AUGMENTATION_SPACE
    ours = [operation.__name__.strip("_").replace("_", "") for operation in OPERATIONS]
    assert ours == [name.lower() for name in theirs]


def far_from_even(counts: Tensor) -> bool:
    """Return whether counts are unlikely for equal chances: chi-squared, 13 degrees of freedom."""
    mean = counts.double().mean()
    return float(((counts - mean) ** 2 / mean).sum()) > 45.0  # p < .00002


def test_all_operations_are_equally_likely_and_a_favourite_would_be_seen() -> None:
    kinds = [
        lambda images, strength, value=value: torch.full_like(images, value) for value in range(14)
    ]
    black = torch.zeros(2_800, 3, 2, 2, dtype=torch.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cifarkit.data.trivial_operations.OPERATIONS", kinds)
        seen = ck.TrivialAugment()(black, seeded(0))[:, 0, 0, 0]
    counts = torch.bincount(seen, minlength=14)
    assert not far_from_even(counts)
    counts[0] += 120
    assert far_from_even(counts)


@pytest.mark.parametrize(
    "augmentation",
    [
        ck.Rotation(degrees=0),
        ck.ColorJitter(brightness=0, contrast=0, saturation=0),
        ck.RandomErasing(probability=0),
        ck.Noise(sd=0),
    ],
    ids=repr,
)
def test_settings_of_nothing_change_nothing(augmentation: Augmentation) -> None:
    images = pictures(8)
    assert torch.equal(augmentation(images, seeded(0)), images)


@pytest.mark.parametrize("augmentation", [each for each in EACH if "Crop" not in repr(each)])
def test_pictures_that_were_made_smaller_are_changed_too(augmentation: Augmentation) -> None:
    smaller = ck.Crop(padding=0, size=20)(pictures(8), seeded(0))
    changed = augmentation(smaller, seeded(0))
    assert changed.shape == smaller.shape
    assert not torch.equal(changed, smaller)


def test_an_erased_rectangle_has_an_area_and_a_shape_in_their_ranges() -> None:
    black = torch.zeros(1_000, 3, SIDE, SIDE, dtype=torch.uint8)
    erased = ck.RandomErasing(probability=1, area=(0.1, 0.2), ratio=0.5)(black, seeded(0)) > 0
    holes = erased.any(1)
    heights, widths = holes.any(2).sum(1).double(), holes.any(1).sum(1).double()
    shares, ratios = heights * widths / SIDE**2, heights / widths
    assert 0.09 < float(shares.min()) < 0.11 < 0.19 < float(shares.max()) < 0.21
    assert 0.45 < float(ratios.min()) < 0.55 < 1.8 < float(ratios.max()) < 2.2
    assert abs(float(ratios.log().mean())) < 0.06  # five standard errors: wide as often as tall
    assert holes[:, 0].any()
    assert holes[:, -1].any()


def spread(noise: ck.Noise) -> float:
    grey = torch.full((40, 3, SIDE, SIDE), 128, dtype=torch.uint8)
    return float((noise(grey, seeded(0)).double() - 128).std())


def test_noise_has_the_spread_it_says() -> None:
    rounding = 1 / 12
    assert spread(ck.Noise(sd=4)) == pytest.approx((16 + rounding) ** 0.5, rel=0.02)
    assert spread(ck.Noise(sd=4.2)) != pytest.approx((16 + rounding) ** 0.5, rel=0.02)


@pytest.mark.parametrize("augmentation", EACH, ids=repr)
def test_how_pictures_lie_in_memory_makes_no_difference(augmentation: Augmentation) -> None:
    images = pictures(60)
    other = images.contiguous(memory_format=torch.channels_last)
    seen, also = (augmentation(batch, seeded(0, 60)) for batch in (images, other))
    assert int((seen.int() - also.int()).abs().max()) <= 1  # sums may be rounded otherwise
    assert float((seen != also).double().mean()) < 1e-3
