"""Colours against those of torchvision and Pillow, with another amount for each picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.v2 import functional as torchvision

from cifarkit.data import colour_changes
from cifarkit.data.synthetic import load_synthetic


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Return pictures and noise, in part black, white and grey."""
    noise = torch.randint(256, (6, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    noise[0, :, :8], noise[1, :, :8] = 0, 255
    noise[2] = noise[2, :1]
    noise[3] = 77
    drawn = load_synthetic(n_train=20, n_test=10, val_size=10).test.images
    return torch.cat([noise.to(torch.uint8), drawn])


AMOUNTS = {
    "adjust_brightness": (0.0, 2.0),
    "adjust_contrast": (0.0, 2.0),
    "adjust_saturation": (0.0, 2.0),
    "adjust_sharpness": (0.0, 2.0),
    "adjust_hue": (-0.5, 0.5),
}


def farthest(name: str, images: Tensor, amounts: Tensor, theirs: Tensor) -> float:
    """Return how far our bytes are from torchvision's, at most, before any rounding."""
    ours = getattr(colour_changes, name)(images.float(), amounts)
    expected = [
        getattr(torchvision, name)(image.double() / 255, float(amount))
        for image, amount in zip(images, theirs, strict=True)
    ]
    return float((ours - 255 * torch.stack(expected)).abs().max())


@pytest.mark.parametrize(("name", "ends"), AMOUNTS.items())
def test_each_picture_is_changed_as_torchvision_would_change_it_alone(
    name: str, ends: tuple[float, float], images: Tensor
) -> None:
    amounts = torch.linspace(*ends, len(images))
    assert farthest(name, images, amounts, amounts) < 0.01
    assert farthest(name, images, amounts, amounts + 0.01 * (amounts <= 0)) > 0.1


@pytest.mark.parametrize("name", AMOUNTS)
def test_an_amount_that_changes_nothing_changes_nothing(name: str, images: Tensor) -> None:
    nothing = torch.zeros(len(images)) if name == "adjust_hue" else torch.ones(len(images))
    changed = getattr(colour_changes, name)(images.float(), nothing)
    assert torch.equal(colour_changes.to_nearest_bytes(changed), images)


def by_pillow(images: Tensor, change: Callable[..., Image.Image], *settings: Any) -> Tensor:
    rows = images.permute(0, 2, 3, 1).contiguous().numpy()
    bands = [
        torch.tensor(list(change(Image.fromarray(row), *settings).tobytes())).view(32, 32, 3)
        for row in rows
    ]
    return torch.stack(bands).permute(0, 3, 1, 2).float()


def test_brightnesses_are_equalized_as_pillow_does(images: Tensor) -> None:
    ours = colour_changes.equalize(images.float())
    assert torch.equal(ours, by_pillow(images, ImageOps.equalize))
    assert not torch.equal(ours, images.float())


def test_contrast_is_stretched_as_pillow_does(images: Tensor) -> None:
    ours = colour_changes.auto_contrast(images.float())
    assert float((ours - by_pillow(images, ImageOps.autocontrast)).abs().max()) <= 1  # it cuts off
    assert torch.equal(ours.floor(), (ours - ours % 1))
    assert ours.amax((2, 3))[4:].eq(255).all()


@pytest.mark.parametrize("bits", range(1, 9))
def test_bits_are_kept_as_pillow_does(bits: int, images: Tensor) -> None:
    ours = colour_changes.posterize(images.float(), torch.full((len(images),), bits))
    assert torch.equal(ours, by_pillow(images, ImageOps.posterize, bits))


@pytest.mark.parametrize("threshold", [0, 1, 128, 255])
def test_bright_bytes_are_inverted_as_pillow_does(threshold: int, images: Tensor) -> None:
    ours = colour_changes.solarize(images.float(), torch.full((len(images),), threshold))
    assert torch.equal(ours, by_pillow(images, ImageOps.solarize, threshold))
