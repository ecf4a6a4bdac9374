"""The explorer of the convolution, beside PyTorch."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cifarkit as ck

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = list(itertools.product((1, 2, 3), (0, 1, 2)))  # strides and paddings of the page


def numbers(chance: random.Random, height: int, width: int) -> list[list[float]]:
    return [[chance.uniform(-2, 2) for _ in range(width)] for _ in range(height)]


def batch(rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)[None, None]


def cases(chance: random.Random) -> list[dict[str, Any]]:
    """Return random pictures and kernels for every stride and padding."""
    return [
        {
            "rows": numbers(chance, chance.randint(5, 17), chance.randint(5, 17)),
            "kernel": numbers(chance, 3, 3),
            "options": {"stride": stride, "padding": padding, "bias": chance.uniform(-2, 2)},
        }
        for stride, padding in SETTINGS
        for _ in range(6)
    ]


CONVOLVE = "(page, cases) => cases.map((one) => page.convolve(one.rows, one.kernel, one.options))"


def convolved(case: dict[str, Any], kernel: list[list[float]]) -> torch.Tensor:
    options = case["options"]
    bias = torch.tensor([options["bias"]], dtype=torch.float64)
    return F.conv2d(
        batch(case["rows"]),
        batch(kernel),
        bias,
        stride=options["stride"],
        padding=options["padding"],
    )


def test_the_output_map_is_that_of_conv2d(node: Callable[..., Any], chance: random.Random) -> None:
    drawn = cases(chance)
    for case, found in zip(drawn, node("convolution", CONVOLVE, drawn), strict=True):
        torch.testing.assert_close(batch(found), convolved(case, case["kernel"]))
        flipped = [row[::-1] for row in case["kernel"][::-1]]
        assert not torch.allclose(batch(found), convolved(case, flipped)), "the control is as good"


def test_relu_and_pooling_are_those_of_pytorch(
    node: Callable[..., Any], chance: random.Random
) -> None:
    maps = [numbers(chance, chance.randint(2, 15), chance.randint(2, 15)) for _ in range(40)]
    function = "(page, maps) => maps.map((rows) => [page.relu(rows), page.maxPool(rows)])"
    for rows, (activated, pooled) in zip(maps, node("convolution", function, maps), strict=True):
        assert torch.equal(batch(activated), F.relu(batch(rows)))
        assert torch.equal(batch(pooled), F.max_pool2d(batch(rows), 2))
        assert not torch.equal(batch(pooled), F.avg_pool2d(batch(rows), 2)), "the control is equal"


def test_the_nine_products_add_up_to_the_output(
    node: Callable[..., Any], chance: random.Random
) -> None:
    drawn = cases(chance)
    function = """(page, cases) => cases.map(({ rows, kernel, options }) =>
      page.convolve(rows, kernel, options).map((row, y) => row.map((_, x) =>
        page.products(page.windowOf(rows, [y, x], options), kernel))))"""
    for case, found in zip(drawn, node("convolution", function, drawn), strict=True):
        nine = torch.tensor(found, dtype=torch.float64)
        options = case["options"]
        patches = F.unfold(
            batch(case["rows"]), 3, stride=options["stride"], padding=options["padding"]
        )
        expected = patches[0].T * torch.tensor(case["kernel"], dtype=torch.float64).reshape(9)
        torch.testing.assert_close(nine.reshape(-1, 9), expected)
        whole = nine.sum(dim=(2, 3)) + options["bias"]
        torch.testing.assert_close(whole[None, None], convolved(case, case["kernel"]))


@pytest.mark.parametrize(("stride", "padding"), SETTINGS)
def test_shapes_parameters_and_multiply_adds_are_those_of_the_layer(
    node: Callable[..., Any], stride: int, padding: int
) -> None:
    channels = [1, 3, 16, 32, 64, 128]
    side = 16
    given = [
        {"inputs": a, "outputs": b, "side": side, "stride": stride, "padding": padding}
        for a, b in itertools.product(channels, channels)
    ]
    function = "(page, all) => all.map((one) => [page.counts(one), page.outputSide(one.side, one)])"
    for one, (counts, height) in zip(given, node("convolution", function, given), strict=True):
        layer = nn.Conv2d(one["inputs"], one["outputs"], 3, stride=stride, padding=padding)
        picture = torch.zeros(1, one["inputs"], side, side)
        output = layer(picture)
        assert output.shape[2:] == (height, height)
        parameters = sum(weights.numel() for weights in layer.parameters())
        assert counts["parameters"] == parameters
        assert counts["multiplyAdds"] == layer.weight.numel() * height**2
        assert counts["linear"] == (picture.numel() + 1) * output.numel()


def test_the_counts_are_those_of_the_summary(node: Callable[..., Any]) -> None:
    layer = next(row for row in ck.summary("baseline").layers if row.kind == "Conv2d")
    given = {"inputs": 3, "outputs": 32, "side": 32, "stride": 1, "padding": 1}
    counts = node("convolution", "(page, given) => page.counts(given)", given)
    assert (counts["parameters"], counts["multiplyAdds"]) == (layer.parameters, layer.multiply_adds)


def test_pictures_are_grey_values_with_one_decimal(node: Callable[..., Any]) -> None:
    function = """(page) => page.pictures.map((name) => page.picture(name))"""
    pictures = torch.tensor(node("convolution", function), dtype=torch.float64)
    assert pictures.shape[1:] == (16, 16)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    torch.testing.assert_close(pictures, (10 * pictures).round() / 10)
    assert all(len(picture.unique()) > 1 for picture in pictures)
