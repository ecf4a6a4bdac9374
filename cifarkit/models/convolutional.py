"""The assignment's network, and its variations, which differ by one factor each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cifarkit.data.augmentations import Crop, Flip
from cifarkit.models.registry import register_model
from cifarkit.recipes.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

__all__ = ["convolutional"]


@register_model("deeper", options={"depth": 2}, summary="baseline with two convolutions a stage")
@register_model(
    "augmented",
    recipe=Recipe(augment=(Flip(), Crop(padding=4))),
    summary="baseline trained on mirrored and shifted images",
)
@register_model(
    "batchnorm",
    options={"batch_norm": True},
    summary="baseline with batch norm after each convolution",
)
@register_model("baseline", summary="two convolutions, the network of the assignment")
def convolutional(
    *,
    num_classes: int = 10,
    widths: tuple[int, int] = (32, 64),
    depth: int = 1,
    batch_norm: bool = False,
    dropout: float = 0.25,
) -> nn.Module:
    """Build two stages of 3 by 3 convolutions, each ending in a pooling, and a hidden layer.

    The last ReLU of a stage comes after the pooling, not before it. The result is the same, because
    ReLU is monotonic, for a quarter of the work.

    Args:
        num_classes: logits for each image.
        widths: channels of each stage.
        depth: convolutions in each stage.
        batch_norm: normalise after each convolution (Ioffe and Szegedy 2015).
        dropout: the share of units left out before each linear layer (Srivastava et al. 2014).

    >>> from cifarkit.models.summary import summary
    >>> print(summary("baseline"))
    layer                     output  parameters  multiply-adds
    -----------------------------------------------------------
    0      Conv2d     batch 32 32 32         896        884,736
    1      MaxPool2d  batch 32 16 16           -              -
    2      ReLU       batch 32 16 16           -              -
    3      Conv2d     batch 64 16 16      18,496      4,718,592
    4      MaxPool2d    batch 64 8 8           -              -
    5      ReLU         batch 64 8 8           -              -
    6      Dropout      batch 64 8 8           -              -
    7      Flatten        batch 4096           -              -
    8      Linear          batch 512   2,097,664      2,097,152
    9      ReLU            batch 512           -              -
    10     Dropout         batch 512           -              -
    11     Linear           batch 10       5,130          5,120
    -----------------------------------------------------------
    total                              2,122,186      7,705,600
    """
    from torch import nn

    from cifarkit.models.dropout import Dropout

    layers: list[nn.Module] = []
    channels = 3
    for width in widths:
        for index in range(depth):
            layers.append(nn.Conv2d(channels, width, kernel_size=3, padding=1))
            if batch_norm:
                layers.append(nn.BatchNorm2d(width))
            if index == depth - 1:
                layers.append(nn.MaxPool2d(2))  # batch width 16 16, then batch width 8 8
            layers.append(nn.ReLU())
            channels = width
    return nn.Sequential(
        *layers,
        Dropout(dropout),
        nn.Flatten(),
        nn.Linear(channels * 8 * 8, 512),
        nn.ReLU(),
        Dropout(dropout),
        nn.Linear(512, num_classes),
    )
