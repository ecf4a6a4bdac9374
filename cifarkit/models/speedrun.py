"""A network that learns much in little time, and its recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cifarkit.data.augmentations import AlternatingFlip, GrowingCrop
from cifarkit.data.views import TestTimeAugmentation
from cifarkit.models.registry import register_model
from cifarkit.recipes.initializations import Whitening
from cifarkit.recipes.losses import CrossEntropy
from cifarkit.recipes.optimizers import Muon
from cifarkit.recipes.recipe import Recipe
from cifarkit.recipes.schedules import Linear

if TYPE_CHECKING:
    from torch import nn

__all__ = ["speedrun"]

RECIPE = Recipe(
    epochs=14,
    batch_size=500,
    optimizer=Muon(lr=0.12, matrix_lr=0.02, bias_lr=26.5),
    schedule=Linear(),
    augment=(AlternatingFlip(), GrowingCrop(first=20, last=28)),
    loss=CrossEntropy(label_smoothing=0.2),
    initialization=Whitening(),
    test_time=TestTimeAugmentation(flip=True, shift=2, size=28),
)


@register_model(
    "speedrun-gpu",
    recipe=RECIPE.replace(
        epochs=10,
        batch_size=1_000,
        optimizer=Muon(lr=0.24, matrix_lr=0.01, bias_lr=27),
        augment=(AlternatingFlip(), GrowingCrop(first=24, last=32, step=4)),
        test_time=TestTimeAugmentation(flip=True, shift=1),
    ),
    options={"widths": (64, 256, 256), "whitened": 24},  # GPUs multiply by eights
    summary="speedrun-wide in larger steps, for some seconds on a GPU",
)
@register_model(
    "speedrun-wide",
    recipe=RECIPE.replace(epochs=15, optimizer=Muon(lr=0.08, matrix_lr=0.01, bias_lr=26.5)),
    options={"widths": (64, 256, 256)},
    summary="speedrun with twice the channels, for some 12 minutes",
)
@register_model("speedrun", recipe=RECIPE, summary="after airbench94, for a few minutes on a CPU")
def speedrun(
    *,
    num_classes: int = 10,
    widths: tuple[int, int, int] = (32, 128, 128),
    whitened: int = 20,
    identity: bool = True,
) -> nn.Module:
    """Build a 2 by 2 convolution, three blocks of two 3 by 3 convolutions, and a last one.

    After airbench94 (Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU",
    arXiv 2404.00498). Its ideas are values of the recipe and options of the network, and each can
    be left out to measure its effect: `Whitening`, `Muon`, `AlternatingFlip`,
    `TestTimeAugmentation`, `identity`. The larger airbench96 has a third convolution in every
    block, with a shortcut around the last two. Here one residual convolution follows the last
    block, where pictures are smallest and it costs least.

    Args:
        num_classes: logits for each image.
        widths: channels of each block.
        whitened: channels of the first convolution, which the recipe whitens. A patch of 2 by 2
            pixels has 12 directions with two signs each; the last few have almost no variance.
        identity: let each block's convolutions begin as the identity (section 3.3).

    >>> from cifarkit.models.summary import summary
    >>> print(summary("speedrun"))
    layer                           output  parameters  multiply-adds
    -----------------------------------------------------------------
    0      Conv2d           batch 20 31 31         260        230,640
    1      GELU             batch 20 31 31           -              -
    2      Conv2d           batch 32 31 31       5,760      5,535,360
    3      MaxPool2d        batch 32 15 15           -              -
    4      BatchNorm2d      batch 32 15 15          32              -
    ...
    23.2   GELU              batch 128 3 3           -              -
    24     GlobalMaxPool         batch 128           -              -
    25     Linear                 batch 10       1,280          1,280
    -----------------------------------------------------------------
    total                                      643,908     30,254,192
    """
    from torch import nn

    from cifarkit.models.global_max_pool import GlobalMaxPool
    from cifarkit.models.residual_blocks import ResidualLayers

    layers: list[nn.Module] = [nn.Conv2d(3, whitened, kernel_size=2), nn.GELU()]  # batch … 31 31
    channels = whitened
    for width in widths:  # batch width 15 15, batch width 7 7, batch width 3 3
        layers += [
            *(_convolution(channels, width, before_pooling=True), nn.MaxPool2d(2)),
            *(_norm(width), nn.GELU()),
            *(_convolution(width, width), _norm(width), nn.GELU()),
        ]
        channels = width
    last = _convolution(channels, channels)
    layers.append(ResidualLayers(last, _norm(channels), nn.GELU()))
    head = nn.Linear(channels, num_classes, bias=False)
    nn.init.normal_(head.weight, std=1 / channels)  # small, so that the first steps are not large
    network = nn.Sequential(*layers, GlobalMaxPool(), head)
    for layer in network.modules():
        if identity and isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            nn.init.dirac_(layer.weight[: layer.in_channels])
    return network


def _convolution(channels: int, width: int, *, before_pooling: bool = False) -> nn.Module:
    """Return a 3 by 3 convolution, with fewer multiplications where that saves time.

    On a CPU it takes half of the time from 128 channels to 128, and is about as quick from 32. In
    bfloat16 it multiplies as often as any, and saves time in the gradient of its weights.
    """
    from torch import nn

    from cifarkit.models.winograd import WinogradConv2d

    if width >= 128:
        return WinogradConv2d(channels, width, before_pooling=before_pooling)
    return nn.Conv2d(channels, width, 3, padding=1, bias=False)


def _norm(width: int) -> nn.Module:
    """Return batch norm whose scale stays 1: the layer after it can scale as well (section 3.1)."""
    from torch import nn

    norm = nn.BatchNorm2d(width, momentum=0.4)
    norm.weight.requires_grad_(False)
    return norm
