from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.inspection.layers import layer_at, layers_of, spatial_layer


def test_layers_come_in_the_order_in_which_they_finish() -> None:
    names = [layer.name for layer in layers_of(ck.create_model("resnet20"))]
    assert names.index("11.body.4") < names.index("11") < names.index("12")
    assert "" not in names


def test_shapes_are_those_of_the_summary() -> None:
    shapes = {layer.name: layer.shape for layer in layers_of(ck.create_model("deeper"))}
    table = {layer.name: layer.output for layer in ck.summary("deeper").layers}
    assert shapes == table


class Twice(nn.Module):
    """Call one ReLU on features, and again on numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.front, self.relu = nn.Conv2d(3, 4, 3), nn.ReLU()
        self.pool, self.last = nn.AdaptiveAvgPool2d(2), nn.Linear(16, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.relu(self.pool(self.relu(self.front(images))).flatten(1)))


def test_of_several_calls_the_last_counts() -> None:
    assert [str(layer) for layer in layers_of(Twice())] == [
        "front (Conv2d) batch 4 30 30",
        "pool (AdaptiveAvgPool2d) batch 4 2 2",
        "relu (ReLU) batch 16",
        "last (Linear) batch 10",
    ]
    assert spatial_layer(Twice(), None).name == "pool"


def test_one_row_or_one_column_is_no_picture() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, (32, 1)), nn.Flatten(), nn.Linear(128, 10))
    with pytest.raises(ck.ModelContractError, match=r"0 \(Conv2d\) batch 4 1 32, 1 \(Flatten\)"):
        spatial_layer(model, None)


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        ("layer5", ck.UnknownAttributeError, "no layer 'layer5': did you mean 'layer4'"),
        ("layer4.1.conv", ck.UnknownAttributeError, "did you mean 'layer4.1.conv2'"),
        (
            "xyz",
            ck.UnknownAttributeError,
            "it has conv1, bn1, relu, .* and 5. more",
        ),
        (3, ck.ModelContractError, "its name, found 3; write the name as text, such as layer='3'"),
        (nn.ReLU(), ck.ModelContractError, "ReLU is not in this network; its pictures pass conv1"),
        ("fc", ck.ModelContractError, r"is fc \(Linear\) batch 10; choose one of layer3, layer3.1"),
        ("layer4", ck.ModelContractError, r"is layer4 \(Sequential\) batch 512 1 1; choose one"),
    ],
)
def test_another_layer_is_refused_with_what_there_is(
    layer: Any, error: type[Exception], message: str
) -> None:
    import torchvision

    model = torchvision.models.resnet18(weights=None, num_classes=10)
    with pytest.raises(error, match=message):
        spatial_layer(model, layer)


def test_a_layer_that_no_picture_passes_is_refused() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    model[1].aside = nn.ReLU()
    with pytest.raises(ck.ModelContractError, match=r"'1.aside' gives no tensor for a picture"):
        layer_at(model, "1.aside")


def test_the_network_is_left_as_it_was() -> None:
    model = ck.create_model("batchnorm")
    model.train()
    before = torch.cat([tensor.flatten().double() for tensor in model.state_dict().values()])
    layers_of(model)
    after = torch.cat([tensor.flatten().double() for tensor in model.state_dict().values()])
    assert torch.equal(before, after)
    assert all(module.training for module in model.modules())
