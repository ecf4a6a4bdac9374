"""Grad-CAM against its paper, written out by hand on networks that are cut in two."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.inspection.layers import spatial_layer
from cifarkit.models.registry import registry

Untouched = Callable[[nn.Module], AbstractContextManager[None]]
WITHOUT_SPACE = ("linear", "mlp")


def by_the_paper(front: nn.Module, back: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Compute equations 1 and 2 picture by picture, and scale each map by its largest number."""
    maps = []
    for image, label in zip(images, labels, strict=True):
        with torch.no_grad():
            features = front(image[None])
        features.requires_grad_()
        score = back(features * 1)[0, label]  # times 1: the back may work in place
        (gradient,) = torch.autograd.grad(score, features)
        height, width = gradient.shape[2:]
        heat = torch.zeros(height, width)
        for channel in range(gradient.shape[1]):
            alpha = gradient[0, channel].sum() / (height * width)
            heat += alpha * features[0, channel].detach()
        heat = F.interpolate(heat.clamp(min=0)[None, None], (32, 32), mode="bilinear")[0, 0]
        maps.append(heat / heat.max() if heat.max() > 0 else heat)
    return torch.stack(maps)


@pytest.mark.parametrize("index", [0, 1, 2, 3, 4, 5])
def test_a_map_is_what_the_paper_says(index: int, network: nn.Sequential, pictures: Tensor) -> None:
    network.eval()
    labels = torch.arange(6)
    expected = by_the_paper(
        network[: index + 1], network[index + 1 :], ck.to_floats(pictures), labels
    )
    found = ck.grad_cam(network, pictures, targets=labels, layer=str(index))
    assert expected.any()
    assert torch.allclose(found, expected, atol=1e-5)


def test_another_class_or_another_layer_gives_another_map(
    network: nn.Sequential, pictures: Tensor
) -> None:
    first = ck.grad_cam(network, pictures, targets=0, layer="5")
    assert not torch.allclose(first, ck.grad_cam(network, pictures, targets=1, layer="5"), atol=0.1)
    assert not torch.allclose(first, ck.grad_cam(network, pictures, targets=0, layer="3"), atol=0.1)


def test_with_global_pooling_it_is_the_class_activation_map(pictures: Tensor) -> None:
    """Section 3.1: for such networks it generalises CAM, which needs no gradient."""
    features = nn.Sequential(nn.Conv2d(3, 12, 5, stride=2), nn.ReLU())
    last = nn.Linear(12, 4)
    model = nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
    with torch.no_grad():
        heat = torch.einsum("c,nchw->nhw", last.weight[2], features(ck.to_floats(pictures)))
    heat = F.interpolate(heat.relu()[:, None], (32, 32), mode="bilinear")[:, 0]
    heat = heat / heat.amax((1, 2), keepdim=True).clamp_min(1e-30)
    assert torch.allclose(ck.grad_cam(model, pictures, targets=2), heat, atol=1e-5)


def test_a_map_shines_where_the_reason_is() -> None:
    red = nn.Conv2d(3, 1, 1, bias=False)
    red.weight.data[:] = torch.tensor([1.0, -1.0, 0.0])[None, :, None, None]
    head = nn.Linear(1, 2, bias=False)
    head.weight.data[:] = torch.tensor([[1.0], [-1.0]])
    model = nn.Sequential(red, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    picture = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    picture[:, 0, 20:28, 4:12] = 255
    place = torch.zeros(1, 32, 32)
    place[:, 20:28, 4:12] = 1
    assert torch.equal(ck.grad_cam(model, picture, targets=0), place)
    assert not ck.grad_cam(model, picture, targets=1).any()  # red speaks against class 1


@pytest.mark.parametrize("name", [name for name in registry if name not in WITHOUT_SPACE])
def test_every_variant_with_a_spatial_layer_has_maps(
    name: str, pictures: Tensor, untouched: Untouched
) -> None:
    with ck.seeded("weights", 0):  # of some first weights all maps are 0
        model = ck.create_model(name)
    with untouched(model):
        maps = ck.grad_cam(model, pictures)
    assert maps.shape == (6, 32, 32)
    assert maps.dtype == torch.float32
    assert maps.min() >= 0
    assert ((maps.amax((1, 2)) == 1) | (maps.amax((1, 2)) == 0)).all()
    assert maps.any()


@pytest.mark.parametrize("name", WITHOUT_SPACE)
def test_a_network_without_a_spatial_layer_is_refused_with_its_layers(
    name: str, pictures: Tensor
) -> None:
    message = r"none: its layers are 0 \(Flatten\) batch 3072, .*ck.occlusion works"
    with pytest.raises(ck.ModelContractError, match=message):
        ck.grad_cam(ck.create_model(name), pictures)


def test_torchvisions_resnet_has_maps(pictures: Tensor, untouched: Untouched) -> None:
    model = torchvision.models.resnet18(weights=None, num_classes=10)
    assert spatial_layer(model, None).name == "layer3"  # layer4 gives 1 by 1
    with untouched(model):
        by_default, by_name, by_module = (
            ck.grad_cam(model, pictures, layer=layer) for layer in (None, "layer3", model.layer3)
        )
    assert by_default.any()
    assert torch.equal(by_default, by_name)
    assert torch.equal(by_default, by_module)
    model.eval()
    front = nn.Sequential(*list(model.children())[:7])
    back = nn.Sequential(model.layer4, model.avgpool, nn.Flatten(), model.fc)
    floats = ck.to_floats(pictures)
    expected = by_the_paper(front, back, floats, model(floats).argmax(1))
    assert torch.allclose(by_default, expected, atol=1e-5)


def test_the_last_layer_of_a_residual_network_is_behind_the_sum() -> None:
    assert str(spatial_layer(ck.create_model("resnet20"), None)) == (
        "11 (ResidualBlock) batch 64 8 8"
    )


def test_without_targets_the_predicted_class_is_asked_about(
    network: nn.Sequential, pictures: Tensor
) -> None:
    predicted = torch.from_numpy(ck.predict(network, pictures).labels)
    found = ck.grad_cam(network, pictures)
    assert torch.equal(found, ck.grad_cam(network, pictures, targets=predicted))
    alone = ck.grad_cam(network, pictures[:1], targets=int(predicted[0]))
    assert torch.allclose(found[:1], alone, atol=1e-5)


def test_the_forms_of_pictures_give_the_same_maps(network: nn.Sequential, pictures: Tensor) -> None:
    image_set = ck.ImageSet(pictures, torch.zeros(6, dtype=torch.int64), tuple("abcdefghij"))
    floats = ck.to_floats(pictures)
    first, *others = (
        ck.grad_cam(network, pictures),
        ck.grad_cam(network, image_set),
        ck.grad_cam(network, floats),
        ck.grad_cam(network, floats / 2 + 0.5, value_range=(0, 1)),
    )
    for other in others:
        assert torch.allclose(first, other, atol=1e-5)


def test_more_pictures_than_a_batch_holds_keep_their_order(
    network: nn.Sequential, pictures: Tensor
) -> None:
    many = pictures.repeat(20, 1, 1, 1)
    labels = torch.arange(120) % 10
    maps = ck.grad_cam(network, many, targets=labels)
    for index in (0, 99, 100, 119):
        alone = ck.grad_cam(network, many[index : index + 1], targets=int(labels[index]))
        assert torch.allclose(maps[index], alone[0], atol=1e-5)


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_network_is_left_as_it_was(
    around: Callable[[], Any],
    frozen: bool,
    network: nn.Sequential,
    pictures: Tensor,
    untouched: Untouched,
) -> None:
    expected = ck.grad_cam(network, pictures)
    network.train()
    network[4].eval()  # a mode of its own
    network(ck.to_floats(pictures)).sum().backward()  # gradients of the user's own
    network.requires_grad_(not frozen)
    network[0].requires_grad_(False)
    network[3].register_forward_hook(lambda *_: None)
    with untouched(network), around():
        floats = ck.to_floats(pictures)  # in inference mode a tensor that no graph may hold
        found = ck.grad_cam(network, floats)
    assert not found.requires_grad
    # The forward pass above has moved the running means of the batch norm that was in training.
    assert torch.allclose(found, expected, atol=0.5)


class Breaks(nn.Module):
    """Break when gradients are recorded, which is in the last pass alone."""

    def forward(self, signal: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            raise ValueError("broken")
        return signal


def test_a_network_is_left_as_it_was_after_an_error(
    network: nn.Sequential, pictures: Tensor, untouched: Untouched
) -> None:
    network.insert(7, Breaks())
    with untouched(network), pytest.raises(ck.ModelContractError, match="ValueError: broken"):
        ck.grad_cam(network, pictures)


def test_a_hook_that_is_left_behind_would_be_seen(
    network: nn.Sequential, untouched: Untouched
) -> None:
    for spoil in (
        lambda: network[0].register_forward_hook(lambda *_: None),
        lambda: network.eval(),
        lambda: network(torch.zeros(2, 3, 32, 32)).sum().backward(),
        lambda: network.requires_grad_(False),
    ):
        with pytest.raises(AssertionError), untouched(network):
            spoil()


class Detached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.front, self.aside = nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(3, 4, 3, stride=2)
        self.last = nn.Linear(4, 10)

    def forward(self, images: Tensor) -> Tensor:
        self.aside(images)  # of no use
        return self.last(self.front(images).mean((2, 3)))


def test_a_layer_that_the_score_does_not_depend_on_is_refused(pictures: Tensor) -> None:
    with pytest.raises(ck.ModelContractError, match=r"reaches the layer aside .*another layer"):
        ck.grad_cam(Detached(), pictures, layer="aside")
    assert ck.grad_cam(Detached(), pictures, layer="front").shape == (6, 32, 32)


class Deaf(nn.Sequential):
    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)


def test_a_network_that_records_no_gradient_is_refused(
    network: nn.Sequential, pictures: Tensor
) -> None:
    with pytest.raises(ck.ModelContractError, match=r"leave torch.no_grad\(\) and detach\(\) out"):
        ck.grad_cam(Deaf(*network), pictures)


def test_a_run_stands_for_its_network(trained: ck.Run, data: ck.Splits) -> None:
    found = ck.grad_cam(trained, data.test)
    assert torch.equal(found, ck.grad_cam(trained.model, data.test.images))


def test_double_and_bfloat16_weights_have_the_same_maps(
    network: nn.Sequential, pictures: Tensor
) -> None:
    expected = ck.grad_cam(network, pictures, targets=3)
    found = ck.grad_cam(network.double(), pictures, targets=3)
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected, atol=1e-4)
    half = ck.grad_cam(network.bfloat16(), pictures, targets=3)
    assert (half - expected).abs().mean() < 0.05
