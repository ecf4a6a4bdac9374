"""Networks of many kinds that keep the contract."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm
from torch.utils.checkpoint import checkpoint

WELL_FORMED: dict[str, Callable[..., nn.Module]] = {}
ACTIVATION = nn.ReLU()


def well_formed(builder: Any) -> Any:
    WELL_FORMED[builder.__name__] = builder
    return builder


@well_formed
def plain_sequential(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.MaxPool2d(4), nn.Dropout(0.5)),
        *(nn.Flatten(), nn.Linear(8 * 49, num_classes)),
    )


class Block(nn.Module):
    """A block like torchvision's, with batch norm and downsampling."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.two = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm_two = nn.BatchNorm2d(width)
        self.around = nn.Conv2d(channels, width, 1, stride=2)
        nn.init.zeros_(self.norm_two.weight)

    def forward(self, images: Tensor) -> Tensor:
        inside = self.norm_two(self.two(F.relu(self.norm(self.one(images)))))
        return F.relu(inside + self.around(images))


@well_formed
def residual_with_zero_gamma(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(
        *(Block(3, 8), Block(8, 16), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(16, num_classes),
    )


@well_formed
def group_norm(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, stride=2), nn.GroupNorm(2, 8), nn.SiLU(), nn.AvgPool2d(5)),
        *(nn.Flatten(), nn.Linear(72, num_classes)),
    )


@well_formed
class TinyVit(nn.Module):
    """Patches, a class token, positions, attention; a last layer that begins at zero."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, stride=8)
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        self.positions = nn.Parameter(torch.randn(1, 17, 16) / 50)
        self.layer = nn.TransformerEncoderLayer(
            16, 2, dim_feedforward=32, batch_first=True, norm_first=True, dropout=0.1
        )
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, num_classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patches(images).flatten(2).transpose(1, 2)  # batch 16 16
        tokens = torch.cat([self.token.expand(len(images), -1, -1), patches], 1)
        return self.head(self.norm(self.layer(tokens + self.positions))[:, 0])  # type: ignore[no-any-return]


@well_formed
def depthwise(*, num_classes: int = 10, width: float = 0.5) -> nn.Module:
    channels = int(16 * width)
    return nn.Sequential(
        *(nn.Conv2d(3, channels, 3, stride=2), nn.BatchNorm2d(channels), nn.Hardswish()),
        *(nn.Conv2d(channels, channels, 3, groups=channels), nn.BatchNorm2d(channels)),
        *(nn.ReLU6(), nn.Conv2d(channels, 16, 1), nn.AvgPool2d(13), nn.Flatten()),
        nn.Linear(16, num_classes),
    )


class DropPath(nn.Module):
    """Leaves a layer out for some pictures."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, signal: Tensor) -> Tensor:
        inside = self.layer(signal)
        if not self.training:
            return signal + inside
        kept = torch.rand(len(signal), *[1] * (signal.ndim - 1)) < 0.8
        return signal + inside * kept / 0.8


class DropLayer(DropPath):
    """Leaves a layer out altogether, and asks Python's generator when."""

    def forward(self, signal: Tensor) -> Tensor:
        if self.training and random.random() < 0.5:
            return signal
        return signal + self.layer(signal)


@well_formed
def stochastic_depth(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 4, stride=4), DropPath(nn.Conv2d(8, 8, 3, padding=1)), nn.ReLU()),
        *(DropLayer(nn.Conv2d(8, 8, 3, padding=1)), nn.Flatten(), nn.Linear(512, num_classes)),
    )


@well_formed
class TiedWeights(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.first, self.inner, self.again = (
            nn.Linear(192, 24),
            nn.Linear(24, 24),
            nn.Linear(24, 24),
        )
        self.again.weight = self.inner.weight
        self.last = nn.Linear(24, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        signal = self.first(F.avg_pool2d(images, 4).flatten(1)).relu()
        return self.last(self.again(self.inner(signal).relu()).relu())  # type: ignore[no-any-return]


@well_formed
def frozen_layers(*, num_classes: int = 10) -> nn.Module:
    first = nn.Conv2d(3, 8, 5, stride=3).requires_grad_(False)
    return nn.Sequential(first, nn.ReLU(), nn.Flatten(), nn.Linear(800, num_classes))


@well_formed
class Bilinear(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.layer = nn.Bilinear(48, 48, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        small = F.avg_pool2d(images, 8).flatten(1)  # batch 48
        return self.layer(small, small.roll(1, 1))  # type: ignore[no-any-return]


@well_formed
class NormalisesByBuffers(nn.Module):
    """Constants in buffers, saved or not, a plain constant, a running mean, attention kept."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.1, 0.0, -0.1]).view(3, 1, 1))
        self.register_buffer("scale", torch.full((3, 1, 1), 2.0), persistent=False)
        self.register_buffer("seen", torch.zeros(3, 1, 1))
        self.plain = torch.ones(3, 1, 1)
        self.steps = 0
        self.last = nn.Linear(3072, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.seen = 0.9 * self.seen + 0.1 * images.mean((0, 2, 3)).view(3, 1, 1)
            self.steps += 1
        self.kept = (images - self.mean - self.seen) / (self.scale * self.plain)
        return self.last(self.kept.flatten(1))  # type: ignore[no-any-return]


@well_formed
def lazy(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(
        nn.LazyConv2d(6, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(num_classes)
    )


@well_formed
def normed_weights(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(
        *(weight_norm(nn.Conv2d(3, 8, 5, stride=3)), nn.ReLU(), nn.Flatten()),
        *(spectral_norm(nn.Linear(800, 16)), nn.ReLU(), nn.Linear(16, num_classes)),
    )


@well_formed
def double_precision(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes)).double()


@well_formed
def half_precision(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(192, num_classes)).bfloat16()


@well_formed
def sigmoids(*, num_classes: int = 10) -> nn.Module:
    """A network of 1990: slow to learn, and right."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(3072, 32), nn.Sigmoid(), nn.Linear(32, 32), nn.Sigmoid()),
        nn.Linear(32, num_classes),
    )


@well_formed
def begins_at_the_frequencies(*, num_classes: int = 10) -> nn.Module:
    """The first outputs are logarithms of probabilities, and still logits."""
    last = nn.Linear(192, num_classes)
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, -float(torch.tensor(num_classes).log()))
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), last)


@well_formed
def shares_an_activation(*, num_classes: int = 10, activation: nn.Module = ACTIVATION) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 16), activation, nn.Linear(16, num_classes))


@well_formed
class GivesAllLocations(nn.Module):
    """A recurrent network along the rows, with a mean over its outputs."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.rows = nn.GRU(96, 16, batch_first=True)
        self.last = nn.Linear(16, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        outputs, _ = self.rows(images.transpose(1, 2).flatten(2))  # batch 32 16
        return self.last(outputs.mean(1))  # type: ignore[no-any-return]


@well_formed
class Mixer(nn.Module):
    """Checkpointed: part of forward runs again in the backward pass."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, stride=8)
        self.mix, self.norm = nn.Linear(16, 16), nn.LayerNorm(16)
        self.last = nn.Linear(8, num_classes)

    def mixed(self, tokens: Tensor) -> Tensor:
        return tokens + self.mix(self.norm(tokens)).relu()

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2)  # batch 8 16
        if self.training and torch.is_grad_enabled():
            tokens = checkpoint(self.mixed, tokens, use_reentrant=True)
        else:
            tokens = self.mixed(tokens)
        return self.last(tokens.mean(2))  # type: ignore[no-any-return]


@well_formed
def draws_from_numpy_and_python(*, num_classes: int = 10) -> nn.Module:
    """The trainer keys these generators with torch's, so the same seed is the same network."""
    last = nn.Linear(192, num_classes)
    last.weight.data = torch.from_numpy(np.random.randn(num_classes, 192)).float() / 10
    nn.init.constant_(last.bias, random.random())
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), last)


@well_formed
def ends_in_log_softmax(*, num_classes: int = 10) -> nn.Module:
    """The loss undoes it: the logarithms of probabilities are logits too."""
    return nn.Sequential(
        nn.AvgPool2d(4), nn.Flatten(), nn.Linear(192, num_classes), nn.LogSoftmax(1)
    )


@well_formed
def ends_in_relu(*, num_classes: int = 10) -> nn.Module:
    """An end like SqueezeNet's, with outputs between 0 and 1."""
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, num_classes, 1), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )


@well_formed
def compares_by_cosine(*, num_classes: int = 10) -> nn.Module:
    return Cosine(num_classes)


class Cosine(nn.Module):
    """Its outputs have a bound, by their scale, and it is well-formed."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.features = nn.Linear(192, 32)
        self.weight = nn.Parameter(torch.randn(num_classes, 32))
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, images: Tensor) -> Tensor:
        features = self.features(F.avg_pool2d(images, 4).flatten(1))
        return self.scale * F.linear(F.normalize(features), F.normalize(self.weight))


@well_formed
def separable_with_fresh_statistics(*, num_classes: int = 10) -> nn.Module:
    """A deep network like MobileNet: at first every picture gets the same logits in evaluation."""
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, stride=2, padding=1)]
    for _ in range(10):
        layers += [nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False), nn.BatchNorm2d(16)]
        layers += [nn.ReLU6(), nn.Conv2d(16, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6()]
        nn.init.normal_(layers[-3].weight, std=0.01)  # type: ignore[arg-type]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, num_classes))
