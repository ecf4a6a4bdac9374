"""The simplest networks, for which a picture is a list of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cifarkit.models.registry import register_model

if TYPE_CHECKING:
    from torch import nn

__all__ = ["linear", "mlp"]


@register_model("linear", summary="one linear layer on the pixels")
def linear(*, num_classes: int = 10) -> nn.Module:
    """Build softmax regression: a template of pixels for each class.

    >>> from cifarkit.models.summary import summary
    >>> print(summary("linear"))
    layer               output  parameters  multiply-adds
    -----------------------------------------------------
    0      Flatten  batch 3072           -              -
    1      Linear     batch 10      30,730         30,720
    -----------------------------------------------------
    total                           30,730         30,720
    """
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, num_classes))


@register_model("mlp", summary="one hidden layer of 512")
def mlp(*, num_classes: int = 10, width: int = 512) -> nn.Module:
    """Build a multi-layer perceptron with one hidden layer.

    Args:
        num_classes: logits for each image.
        width: units in the hidden layer.

    >>> from cifarkit.models.summary import summary
    >>> print(summary("mlp"))
    layer               output  parameters  multiply-adds
    -----------------------------------------------------
    0      Flatten  batch 3072           -              -
    1      Linear    batch 512   1,573,376      1,572,864
    2      ReLU      batch 512           -              -
    3      Linear     batch 10       5,130          5,120
    -----------------------------------------------------
    total                        1,578,506      1,577,984
    """
    from torch import nn

    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(3 * 32 * 32, width),
        nn.ReLU(),
        nn.Linear(width, num_classes),
    )
