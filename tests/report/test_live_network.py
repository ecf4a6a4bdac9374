"""The forward pass in JavaScript, in node, beside torch's."""

from __future__ import annotations

import base64
import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.report.live.program import live_program, rounded_copy

if TYPE_CHECKING:
    from collections.abc import Callable

    Node = Callable[..., Any]

CLASSES = [f"class {label}" for label in range(10)]
LOGITS = """
const network = LiveNetwork.load(given.program);
return given.pictures.map(picture =>
  LiveNetwork.logits(network, LiveNetwork.scaled(picture, given.program.input)));
"""
VALUES = """
const network = LiveNetwork.load(given.program);
const values = LiveNetwork.forward(network, LiveNetwork.scaled(given.picture, given.program.input));
return given.program.layers.map(({ value }) => values[value]);
"""
OCCLUSION = """
const network = LiveNetwork.load(given.program);
const picture = LiveNetwork.scaled(given.picture, given.program.input);
const share = shown => LiveNetwork.softmax(LiveNetwork.logits(network, shown))[given.label];
const places = LiveNetwork.squares(given.size, given.stride);
const drops = places.map(place =>
  share(picture) - share(LiveNetwork.covered(picture, place, given.size)));
return LiveNetwork.meanDrops(places, drops, given.size);
"""


def pictures(n: int, seed: int = 0) -> Tensor:
    """Return drawn and random pictures, half and half."""
    drawn = ck.load_synthetic(n_train=10, n_test=max(n, 10), val_size=0, seed=seed).test.images
    numbers = torch.Generator().manual_seed(seed)
    random = torch.randint(256, (n - n // 2, 3, 32, 32), dtype=torch.uint8, generator=numbers)
    return torch.cat([drawn[: n // 2], random])


def stirred(network: nn.Module, seed: int = 0) -> nn.Module:
    """Change every weight and statistic, as training would: fresh ones are often 0 or 1."""
    numbers = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                spread = 0.3 if tensor.ndim == 1 else 0.05
                noise = spread * torch.randn(tensor.shape, generator=numbers)
                tensor.copy_(
                    (tensor + noise).abs() + 0.1 if "running_var" in name else tensor + noise
                )
    return network


def network_of(name: str) -> nn.Module:
    with ck.seeded("live", 0):
        return stirred(ck.create_model(name))


def logits_in(node: Node, program: dict[str, Any], images: Tensor) -> Tensor:
    return torch.tensor(node(LOGITS, program=program, pictures=images.flatten(1).tolist()))


def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return rounded_copy(network)(ck.to_floats(images))


@pytest.mark.parametrize("name", list(ck.list_models()))
def test_every_built_in_variant_gives_torchs_logits(
    name: str, in_node: Node, request: pytest.FixtureRequest
) -> None:
    network = network_of(name)
    images = pictures(1_000 if request.config.getoption("--long") else 20)
    ours = logits_in(in_node, live_program(network, CLASSES), images)
    theirs = logits_of(network, images)
    assert theirs.std(dim=0).min() > 0.01  # the pictures make a difference
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-5)


def test_a_changed_weight_changes_the_logits(in_node: Node) -> None:
    network, images = network_of("resnet20"), pictures(4)
    before = logits_of(network, images)
    with torch.no_grad():
        network.get_submodule("7.body.0").weight[3] += 0.2
    after = logits_in(in_node, live_program(network, CLASSES), images)
    assert (after - before).abs().max() > 1e-3
    torch.testing.assert_close(after, logits_of(network, images), atol=1e-4, rtol=1e-5)


class Lambda(nn.Module):
    def __init__(self, function: Callable[..., Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)
        self.register_buffer("mean", torch.tensor([0.1, -0.2, 0.3]).view(3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images, self)


def headed(*layers: nn.Module | Callable[..., Tensor]) -> nn.Module:
    """Put a linear layer behind layers, or behind a function of the pictures and its module."""
    body = nn.Sequential(*[x if isinstance(x, nn.Module) else Lambda(x) for x in layers])
    outputs = body.eval()(torch.zeros(2, 3, 32, 32)).flatten(1)
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(outputs.shape[1], 10))


def squeeze_and_excite(images: Tensor, layer: Lambda) -> Tensor:
    weights = F.adaptive_avg_pool2d(images, 1).flatten(1)
    return images * torch.sigmoid(weights).view(weights.size(0), -1, 1, 1)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "stride, padding, groups": lambda: headed(
        nn.Conv2d(3, 6, (3, 5), stride=(2, 1), padding=(0, 2)),
        nn.Conv2d(6, 9, 3, groups=3),
        nn.Conv2d(9, 9, 3, groups=9),
    ),
    "dilated": lambda: headed(nn.Conv2d(3, 5, 3, padding=2, dilation=2)),
    "same": lambda: headed(nn.Conv2d(3, 5, 3, padding="same"), nn.Conv2d(5, 2, 3, padding="valid")),
    "norms": lambda: headed(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, affine=False), nn.GroupNorm(2, 8), nn.BatchNorm2d(8)
    ),
    "group norm alone": lambda: headed(nn.GroupNorm(3, 3, affine=False)),
    "norm of a vector": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(3072, 7), nn.BatchNorm1d(7), nn.Linear(7, 10)
    ),
    "ceil mode": lambda: headed(nn.MaxPool2d(3, 2, ceil_mode=True), nn.MaxPool2d(3, 2, padding=1)),
    "means of windows": lambda: headed(
        nn.AvgPool2d(3, 2, padding=1), nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)
    ),
    "adaptive": lambda: headed(nn.AdaptiveAvgPool2d((7, 5)), nn.AdaptiveMaxPool2d(3)),
    "over all": lambda: headed(
        lambda images, _: torch.cat(
            [
                images.mean((2, 3)),
                images.amax((-1, -2)),
                images.mean((2, 3), keepdim=True).squeeze(-1).squeeze(-1),
            ],
            dim=1,
        )
    ),
    "standardised": lambda: headed(
        lambda images, layer: (images - layer.mean) / (layer.mean.abs() + 0.5)
    ),
    "numbers": lambda: headed(lambda images, _: 2 * images + 1 - images / 3),
    "in place": lambda: headed(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Dropout2d()),
    "excited": lambda: headed(squeeze_and_excite),
    "joined": lambda: headed(lambda images, _: torch.cat([images, images[:, 1:], images * 2], 1)),
    "cut": lambda: headed(lambda images, _: images[:, ::2, 1:-3:3, -9:]),
    "padded": lambda: headed(lambda images, _: F.pad(images, (1, 2, 0, 3, 1, 0), value=0.5)),
    "viewed": lambda: headed(lambda images, _: images.view(images.shape[0], -1)),
    "reshaped": lambda: headed(lambda images, _: images.reshape(-1, 48, 64).unsqueeze(1)),
    "scaled by a grid": lambda: headed(
        lambda images, _: images * torch.linspace(0, 1e5, 1024).view(32, 32) / 1e5
    ),
    "clamped": lambda: headed(lambda images, _: images.clamp(-0.2, 0.3)),
    "a shared layer": lambda: headed(*[nn.Conv2d(3, 3, 3, padding=1)] * 2, nn.ReLU6()),
    **{
        type(layer).__name__ + str(number): (lambda layer=layer: headed(nn.Conv2d(3, 4, 3), layer))
        for number, layer in enumerate(
            [
                nn.LeakyReLU(0.2),
                nn.ELU(0.7),
                nn.GELU(),
                nn.GELU("tanh"),
                nn.SiLU(),
                nn.Mish(),
                nn.Sigmoid(),
                nn.Tanh(),
                nn.Hardswish(),
                nn.Hardsigmoid(),
                nn.Hardtanh(-0.5, 0.4),
            ]
        )
    },
}


@functools.cache
def made(name: str) -> tuple[nn.Module, dict[str, Any]]:
    with ck.seeded("live", 0):
        network = stirred(NETWORKS[name]())
    return network, live_program(network, CLASSES)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_operation_is_torchs(name: str, in_node: Node) -> None:
    network, program = made(name)
    images = pictures(4)
    ours = logits_in(in_node, program, images)
    torch.testing.assert_close(ours, logits_of(network, images), atol=1e-4, rtol=1e-5)


def test_the_operations_above_are_all_that_the_script_knows(in_node: Node) -> None:
    used = {step["op"] for name in NETWORKS for step in made(name)[1]["steps"]}
    assert used == set(in_node("return LiveNetwork.operations;"))


@pytest.mark.parametrize("name", ["baseline", "resnet20", "speedrun"])
def test_the_layers_are_those_of_activations(name: str, in_node: Node) -> None:
    network, picture = network_of(name), pictures(2)[0]
    program = live_program(network, CLASSES)
    found = in_node(VALUES, program=program, picture=picture.flatten().tolist())
    kinds = {path: type(layer).__name__ for path, layer in network.named_modules()}
    assert {layer["name"] for layer in program["layers"]} == {
        path for path, kind in kinds.items() if path and kind != "Dropout"
    }
    plain = rounded_copy(network)
    for layer, value in zip(program["layers"], found, strict=True):
        ours = torch.tensor(value["data"]).view(value["shape"])
        theirs = ck.activations(plain, picture[None], layer["name"])[0]
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4, msg=layer["name"])


@pytest.mark.parametrize(("size", "stride"), [(8, 4), (10, 7)])
def test_the_occlusion_map_is_cifarkits(size: int, stride: int, in_node: Node) -> None:
    network, picture = network_of("batchnorm"), pictures(2)[0]
    given = {"picture": picture.flatten().tolist(), "label": 3, "size": size, "stride": stride}
    ours = in_node(OCCLUSION, program=live_program(network, CLASSES), **given)
    theirs = ck.occlusion(
        rounded_copy(network), picture[None], targets=3, size=size, stride=stride
    )[0]
    assert theirs.abs().max() > 1e-3
    torch.testing.assert_close(torch.tensor(ours).view(32, 32), theirs, atol=1e-5, rtol=1e-4)


def test_every_float16_is_read_exactly(in_node: Node) -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    entry = {"shape": [len(halves)], "start": 0, "bytes": 2}
    data = base64.b64encode(halves.astype("<f2").tobytes()).decode()
    program = {"data": data, "tensors": [entry], "steps": []}
    read = in_node("return LiveNetwork.load(given.program).tensors[0].data;", program=program)
    np.testing.assert_array_equal(np.float32(read), halves.astype(np.float32))


@pytest.mark.parametrize(("width", "height"), [(64, 64), (100, 75), (33, 40), (16, 16), (32, 32)])
def test_a_picture_is_cut_and_averaged_as_pillow_does(
    width: int, height: int, in_node: Node
) -> None:
    rgba = np.random.default_rng(0).integers(256, size=(height, width, 4), dtype=np.uint8)
    ours = in_node(
        "return LiveNetwork.shrunk(given.rgba, given.width, given.height);",
        rgba=rgba.flatten().tolist(), width=width, height=height,
    )  # fmt: skip
    edge = min(width, height)
    left, top = (width - edge) / 2, (height - edge) / 2
    theirs = Image.fromarray(rgba[..., :3]).resize(
        (32, 32), Image.Resampling.BOX, box=(left, top, left + edge, top + edge)
    )
    distance = np.abs(np.array(ours).reshape(3, 32, 32) - np.array(theirs).transpose(2, 0, 1))
    # Pillow weighs a pixel by its middle, in or out; where edges fall on pixels they agree.
    assert distance.max() <= 1 if edge % 32 == 0 else np.median(distance) < 40


def test_softmax_is_torchs_and_does_not_overflow(in_node: Node) -> None:
    for logits in ([1.0, -2.0, 0.5], [1000.0, 999.0, -1000.0]):
        ours = in_node("return LiveNetwork.softmax(given.logits);", logits=logits)
        torch.testing.assert_close(torch.tensor(ours), torch.tensor(logits).softmax(0))
