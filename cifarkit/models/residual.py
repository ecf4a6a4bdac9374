"""Residual networks: He et al. 2016, "Deep Residual Learning for Image Recognition"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cifarkit.data.augmentations import Crop, Flip
from cifarkit.models.registry import register_model
from cifarkit.recipes.optimizers import SGD
from cifarkit.recipes.recipe import Recipe
from cifarkit.recipes.schedules import OneCycle

if TYPE_CHECKING:
    from torch import nn

__all__ = ["resnet"]


@register_model(
    "resnet20",
    recipe=Recipe(
        epochs=20,
        batch_size=128,
        optimizer=SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        schedule=OneCycle(peak=0.2),
        augment=(Flip(), Crop(padding=4)),
    ),
    summary="the 20-layer residual network of He et al. 2016, on a one-cycle rate",
)
def resnet(*, num_classes: int = 10, blocks: int = 3) -> nn.Module:
    """Build the CIFAR residual network of section 4.2, with `6 blocks + 2` layers.

    The recipe is not the paper's, which takes 164 epochs: one cycle reaches most of its accuracy in
    20.

    Args:
        num_classes: logits for each image.
        blocks: residual blocks in each of the three stages.

    >>> from cifarkit.models.summary import summary
    >>> print(summary("resnet20"))
    layer                           output  parameters  multiply-adds
    -----------------------------------------------------------------
    0          Conv2d       batch 16 32 32         432        442,368
    1          BatchNorm2d  batch 16 32 32          32              -
    2          ReLU         batch 16 32 32           -              -
    3.body.0   Conv2d       batch 16 32 32       2,304      2,359,296
    ...
    11.body.4  BatchNorm2d    batch 64 8 8         128              -
    12         AvgPool2d      batch 64 1 1           -              -
    13         Flatten            batch 64           -              -
    14         Linear             batch 10         650            640
    -----------------------------------------------------------------
    total                                      269,722     40,551,040
    """
    from torch import nn

    from cifarkit.models.residual_blocks import ResidualBlock

    layers: list[nn.Module] = [
        nn.Conv2d(3, 16, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
    ]
    channels = 16
    for width in (16, 32, 64):  # batch 16 32 32, batch 32 16 16, batch 64 8 8
        for _ in range(blocks):
            layers.append(ResidualBlock(channels, width))
            channels = width
    return nn.Sequential(*layers, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(64, num_classes))
