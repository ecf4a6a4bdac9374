"""Occlusion against a slow search with loops."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck

Untouched = Callable[[nn.Module], AbstractContextManager[None]]


def slowly(model: nn.Module, floats: Tensor, label: int, size: int, stride: int) -> Tensor:
    """Cover one place after the other, and note the drop at every pixel of it."""
    drops: dict[tuple[int, int], list[float]] = {}
    with torch.no_grad():
        whole = model(floats[None]).softmax(1)[0, label].item()
        places = sorted({*range(0, 33 - size, stride), 32 - size})
        for top in places:
            for left in places:
                covered = floats.clone()
                covered[:, top : top + size, left : left + size] = 0.0
                drop = whole - model(covered[None]).softmax(1)[0, label].item()
                for row in range(top, top + size):
                    for column in range(left, left + size):
                        drops.setdefault((row, column), []).append(drop)
    heat = torch.zeros(32, 32)
    for pixel, values in drops.items():
        heat[pixel] = sum(values) / len(values)
    assert len(drops) == 32 * 32
    return heat


@pytest.mark.parametrize(("size", "stride"), [(8, 4), (8, 8), (6, 4), (7, 5), (32, 1), (16, 3)])
def test_a_map_is_that_of_a_slow_search(
    size: int, stride: int, network: nn.Sequential, pictures: Tensor
) -> None:
    labels = torch.tensor([4, 7])
    found = ck.occlusion(network, pictures[:2], targets=labels, size=size, stride=stride)
    network.eval()
    for heat, picture, label in zip(found, ck.to_floats(pictures[:2]), labels, strict=True):
        expected = slowly(network, picture, int(label), size, stride)
        assert torch.allclose(heat, expected, atol=1e-6)
    assert found.any()


class Corner(nn.Module):
    """Look at one pixel alone."""

    def forward(self, images: Tensor) -> Tensor:
        pixel = images[:, 0, 3, 30]
        return torch.stack([pixel, -pixel], dim=1)


def test_only_squares_over_the_reason_matter() -> None:
    white = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    heat = ck.occlusion(Corner(), white, targets=0, size=4, stride=4)[0]
    assert (heat[:4, 28:] > 0.3).all()
    heat[:4, 28:] = 0
    assert not heat.any()
    assert ck.occlusion(Corner(), white, targets=1, size=4, stride=4).min() < -0.3


def test_memory_is_bounded_however_many_squares_there_are(
    network: nn.Sequential, pictures: Tensor
) -> None:
    shown: list[int] = []
    network.register_forward_pre_hook(lambda _, inputs: shown.append(len(inputs[0])))
    ck.occlusion(network, pictures[:1], size=1, stride=1)
    assert max(shown) <= 100
    assert sum(shown) == 1 + 1 + 32**2  # one to find the class


def test_a_network_is_left_as_it_was(
    network: nn.Sequential, pictures: Tensor, untouched: Untouched
) -> None:
    network.train()
    with untouched(network):
        maps = ck.occlusion(network, pictures)
    assert maps.shape == (6, 32, 32)
    assert maps.dtype == torch.float32


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_it_works_without_a_spatial_layer(name: str, pictures: Tensor) -> None:
    assert ck.occlusion(ck.create_model(name), pictures[:1]).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be a whole number, 1 <= value <= 32; found 0"),
        ({"size": 33}, "size must be a whole number, 1 <= value <= 32; found 33"),
        ({"size": 4, "stride": 5}, "stride must be a whole number, 1 <= value <= 4; found 5"),
        ({"stride": 1.5}, "stride must be a whole number, 1 <= value <= 8; found 1.5"),
    ],
)
def test_squares_that_leave_pixels_out_are_refused(
    options: dict[str, Any], message: str, network: nn.Sequential, pictures: Tensor
) -> None:
    with pytest.raises(ck.DataError, match=message):
        ck.occlusion(network, pictures, **options)
