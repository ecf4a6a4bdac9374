"""A network as a program for a page, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.report.live.program import live_program, rounded_copy

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSES = ["cat", "dog"]


class Lambda(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images)


def headed(function: Callable[[Tensor], Tensor]) -> nn.Module:
    """Put a linear layer with two outputs behind a function of the pictures."""
    units = function(torch.zeros(2, 3, 32, 32)).flatten(1).shape[1]
    return nn.Sequential(Lambda(function), nn.Flatten(), nn.Linear(units, 2))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda images: images.softmax(1), "it calls softmax in the layer '0', and the page knows"),
        (lambda images: images @ images, "it calls matmul in the layer '0', and the page knows"),
        (lambda images: images - images.mean(0), "it calls mean in the layer '0', and its output"),
        (lambda images: images.mean(1), r"it runs over the dimensions \[1\], not \(2, 3\)"),
        (lambda images: images.flip(0), "it calls flip"),
        (lambda images: nn.functional.selu(images), "it scales, as SELU does|it calls selu"),
        (lambda images: images.clamp(min=0), "it has one limit, and needs two"),
        (lambda images: images.clamp(torch.zeros(3, 1, 1), torch.ones(3, 1, 1)), "calls clamp .* a"
         " setting of it is not a finite number"),
        (lambda images: images.clamp(torch.tensor(0.0), torch.tensor(1.0)), "not a finite number"),
        (nn.Hardtanh(0, float("inf")), "calls hardtanh .* a setting of it is not a finite number"),
        (nn.ConstantPad2d(1, -float("inf")), "calls pad .* a setting of it is not a finite number"),
        (lambda images: images.chunk(3, 1)[0], "calls split in the layer '0', and the page knows"),
        (lambda images: images.unbind(1)[0], "calls unbind in the layer '0', and the page knows"),
        (lambda images: images + torch.rand(1, 3, 32, 32), "rand, which draws random numbers"),
        (nn.MaxPool2d(2, dilation=2), "calls max_pool2d in the layer '0.function', and it is"),
        (nn.AvgPool2d(3, 2, ceil_mode=True), "it has ceil_mode or divisor_override"),
        (nn.Conv2d(3, 2, 2, padding="same"), "its padding differs between two opposite sides"),
        (nn.ReflectionPad2d(1), "its mode is 'reflect', not 'constant'|it calls reflection_pad2d"),
        (lambda images: torch.add(images, images, alpha=2), "it has alpha or rounding_mode"),
        (lambda images: images if images.sum() > 0 else -images, "it cannot be traced by torch"),
        (lambda images: torch.zeros(len(images), 4), "its logits do not depend on the picture"),
        (nn.Conv2d(3, 1, 3), None),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_what_the_page_does_not_know_is_refused(
    function: Callable[[Tensor], Tensor], message: str | None
) -> None:
    network = headed(function)
    if message is None:
        assert live_program(network, CLASSES)["steps"]
        return
    with pytest.raises(ck.ExportError, match=message) as caught:
        live_program(network, CLASSES)
    assert "leave out --live (in Python, live=True)" in str(caught.value)


def test_a_network_that_is_too_large_is_refused() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 1400), nn.Linear(1400, 2))
    with pytest.raises(ck.ExportError, match=r"take 8\.6 MB on a page, which holds 8 MB"):
        live_program(network, CLASSES)


def test_numbers_that_forward_makes_count_too() -> None:
    weights = {
        units: headed(
            lambda images, units=units: nn.functional.linear(
                images.flatten(1), torch.linspace(0, 1, units * 3072).view(units, 3072)
            )
        )
        for units in (5, 700)
    }
    assert live_program(weights[5], CLASSES)["steps"]
    with pytest.raises(ck.ExportError, match=r"take 8\.6 MB on a page, which holds 8 MB"):
        live_program(weights[700], CLASSES)


def test_a_weight_beyond_float16_is_refused() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 2))
    with torch.no_grad():
        network[1].weight[0, 0] = 70_000.0
    with pytest.raises(ck.ExportError, match="a weight is beyond 65,504, the largest float16"):
        live_program(network, CLASSES)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ck.ModelContractError):
        live_program("baseline", CLASSES)  # type: ignore[arg-type]


def test_the_network_is_left_as_it_was() -> None:
    network = ck.create_model("speedrun").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    kinds = [type(layer) for layer in network.modules()]
    live_program(network, [f"class {label}" for label in range(10)])
    assert network.training
    assert [type(layer) for layer in network.modules()] == kinds
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_large_tensors_are_rounded_and_small_ones_are_not() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 2))
    with torch.no_grad():
        network[1].bias.fill_(0.1)
        network[1].weight.fill_(0.1)
    rounded = rounded_copy(network)
    assert rounded[1].weight[0, 0].item() == torch.tensor(0.1).half().item()
    assert torch.equal(rounded[1].bias, network[1].bias)
    assert {entry["bytes"] for entry in live_program(network, CLASSES)["tensors"]} == {2, 4}


def test_a_program_is_json_without_nan() -> None:
    program = live_program(ck.create_model("linear"), CLASSES)
    assert json.loads(json.dumps(program, allow_nan=False)) == program
    assert program["classes"] == CLASSES
    pixels = torch.tensor([0, 128, 255], dtype=torch.uint8)
    scaled = pixels * program["input"]["scale"] + program["input"]["shift"]
    torch.testing.assert_close(scaled.float(), ck.to_floats(pixels))
