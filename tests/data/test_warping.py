"""Geometry against torchvision's, on pictures widened by mirrored pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as torchvision

from cifarkit.data import warping

WIDER = 64  # pixels on each side


def theirs(name: str, image: Tensor, amount: float) -> Tensor:
    wide = np.pad(image.double(), ((0, 0), *[(WIDER, WIDER)] * 2), mode="reflect")
    slope = math.degrees(math.atan(amount))
    settings: dict[str, Any] = {"angle": 0.0, "translate": [0, 0], "shear": [0.0, 0.0]}
    settings |= {
        "rotate": {"angle": -amount},  # affine turns clockwise
        "shear_x": {"shear": [slope, 0.0], "center": [WIDER, WIDER]},
        "shear_y": {"shear": [0.0, slope], "center": [WIDER, WIDER]},
        "translate_x": {"translate": [amount, 0.0]},
        "translate_y": {"translate": [0.0, amount]},
    }[name]
    warped = torchvision.affine(
        torch.from_numpy(wide), scale=1.0, interpolation=InterpolationMode.BILINEAR, **settings
    )
    return warped[:, WIDER:-WIDER, WIDER:-WIDER]


LARGEST = {"rotate": 180, "shear_x": 1, "shear_y": 1, "translate_x": 32, "translate_y": 32}


@pytest.mark.parametrize("side", [32, 24])
@pytest.mark.parametrize(("name", "largest"), LARGEST.items())
def test_each_picture_is_moved_as_torchvision_would_move_it_alone(
    name: str, largest: float, side: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (9, 3, side, side), generator=generator).float()
    amounts = torch.linspace(-largest, largest, len(images))
    ours = getattr(warping, name)(images, amounts)
    expected, other = (
        torch.stack(
            [theirs(name, *pair) for pair in zip(images, (sign * amounts).tolist(), strict=True)]
        )
        for sign in (1, -1)
    )
    assert float((ours - expected).abs().max()) < 0.05
    assert float((ours - other).abs().max()) > 50  # the other way round


def test_a_quarter_turn_is_exact() -> None:
    images = torch.arange(4 * 3 * 32 * 32).remainder(251).view(4, 3, 32, 32).float()
    turned = warping.rotate(images, torch.full((4,), 90.0))
    assert torch.equal(turned.round(), torch.rot90(images, 1, (2, 3)))
