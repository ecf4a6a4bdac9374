from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import cifarkit as ck

BUILT_IN = ck.list_models()


def counted_by_torch(model: nn.Module) -> float:
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model.eval()(torch.zeros(1, 3, 32, 32))
    return counter.get_total_flops() / 2


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 12, 5, stride=2, padding=2, bias=False),
        nn.Conv2d(12, 24, 3, groups=4, dilation=2),
        nn.Conv2d(24, 24, (1, 3), groups=24),
        nn.Flatten(2),
        nn.Conv1d(24, 8, 3),
        nn.Linear(118, 6),
        nn.Flatten(),
        nn.Linear(48, 10, bias=False),
    )


@pytest.mark.parametrize("name", BUILT_IN)
def test_multiply_adds_are_half_of_torchs_operations(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ck.WinogradConv2d, "_can_save", lambda layer, signal: False)
    model = ck.create_model(name)
    assert ck.summary(model).multiply_adds == counted_by_torch(model)


def test_winograds_convolution_is_counted_as_it_is_defined() -> None:
    layer = ck.WinogradConv2d(3, 8, before_pooling=True)
    model = nn.Sequential(nn.MaxPool2d(2), layer, nn.AdaptiveMaxPool2d(1), nn.Flatten())
    counted = ck.summary(model).multiply_adds
    assert counted == 16 * 16 * 8 * 3 * 9
    assert counted_by_torch(model) != counted


def test_multiply_adds_of_strides_groups_and_dilation() -> None:
    model = convolutions()
    assert ck.summary(model).multiply_adds == counted_by_torch(model) > 0


@pytest.mark.parametrize("name", BUILT_IN)
def test_parameters_are_those_of_the_network(name: str) -> None:
    model = ck.create_model(name)
    table = ck.summary(model)
    assert table.parameters == sum(w.numel() for w in model.parameters() if w.requires_grad)
    assert sum(layer.parameters for layer in table.layers) == table.parameters


def test_a_name_and_its_network_have_one_summary() -> None:
    assert ck.summary("baseline") == ck.summary(ck.create_model("baseline"))


def test_outputs_are_shapes_of_one_image() -> None:
    shapes = [layer.output for layer in ck.summary(convolutions()).layers]
    assert shapes[:4] == [(12, 16, 16), (24, 12, 12), (24, 12, 10), (24, 120)]
    assert shapes[4:] == [(8, 118), (8, 6), (48,), (10,)]


def test_frozen_weights_are_not_trainable() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 4), nn.Linear(4, 10))
    model[1].requires_grad_(False)
    assert ck.summary(model).parameters == 50


def test_a_layer_used_twice_is_listed_twice_and_counted_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.square = nn.Linear(32, 32, bias=False)
            self.again = self.square
            self.last = nn.Linear(3072, 10)

        def forward(self, images: Tensor) -> Tensor:
            return self.last(self.again(self.square(images)).flatten(1))

    table = ck.summary(Twice())
    assert [layer.name for layer in table.layers] == ["square", "square", "last"]
    assert table.parameters == 32 * 32 + 30_730
    assert table.multiply_adds == counted_by_torch(Twice())


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.LSTM(96, 8, batch_first=True)
        self.last = nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        rows, _ = self.rows(images.permute(0, 2, 1, 3).flatten(2))
        return self.last(rows[:, -1])


def test_a_layer_of_several_outputs_is_shown_by_the_first() -> None:
    assert [layer.output for layer in ck.summary(Recurrent()).layers] == [(32, 8), (10,)]


def test_a_layer_that_gives_no_tensor_is_shown_without_a_shape() -> None:
    class Wrap(nn.Module):
        def forward(self, images: Tensor) -> Any:
            return {"images": images}

    class Uses(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wrap = Wrap()

        def forward(self, images: Tensor) -> Tensor:
            return self.wrap(images)["images"]

    assert [layer.output for layer in ck.summary(Uses()).layers] == [()]


def test_a_network_of_one_layer_is_that_layer() -> None:
    (layer,) = ck.summary(nn.Flatten()).layers
    assert (layer.name, layer.kind, layer.output) == ("", "Flatten", (3072,))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_network_of_any_float_type_has_the_same_summary(dtype: torch.dtype) -> None:
    assert ck.summary(ck.create_model("linear").to(dtype)) == ck.summary("linear")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, "the model must be an nn.Module, found"),
        (3, "the model must be an nn.Module, found"),
        (nn.Linear, "the builder of 'linear' .* cannot be called"),
        (lambda images: images, "the builder of '<lambda>' .* cannot be called"),
    ],
    ids=range(4),
)
def test_what_is_no_network_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(ck.ModelContractError, match=message):
        ck.summary(wrong)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ck.UnknownModelError, match="Did you mean 'baseline'"):
        ck.summary("baselin")


@pytest.mark.parametrize("size", [32, 31])  # with 31 the network fails half-way
def test_the_network_is_left_as_it_was(size: int) -> None:
    model = nn.Sequential(
        nn.BatchNorm2d(3), nn.Dropout(), nn.Flatten(), nn.Linear(3 * 32 * size, 10)
    )
    model[0].eval()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    generator = torch.get_rng_state()
    try:
        ck.summary(model)
    except ck.ModelContractError:
        assert size == 31
    assert [module.training for module in model] == [False, True, True, True]
    assert model.training
    assert all(torch.equal(state[name], now) for name, now in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_table_is_straight_and_holds_its_sums(name: str) -> None:
    table = ck.summary(name)
    lines = str(table).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == len(table.layers) + 4
    assert lines[0].split() == ["layer", "output", "parameters", "multiply-adds"]
    assert lines[-1].split() == ["total", f"{table.parameters:,}", f"{table.multiply_adds:,}"]


def test_a_table_without_layers_has_a_total() -> None:
    assert str(ck.ModelSummary((), 0)).splitlines()[-1].split() == ["total", "0", "0"]


def test_a_network_that_takes_no_images_is_told() -> None:
    layer = nn.Linear(3, 3)
    with pytest.raises(ck.ModelContractError, match="the model does not take images"):
        ck.summary(layer)
    assert not layer._forward_hooks
