"""What a network loses when a part is covered: Zeiler and Fergus 2014, arXiv 1311.2901."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn

from cifarkit.annotations import Range
from cifarkit.arguments import checked
from cifarkit.data.image_set import IMAGE_SHAPE, to_floats
from cifarkit.evaluation.inference import compute_logits
from cifarkit.evaluation.trained import Trained
from cifarkit.guidance import explains_arguments
from cifarkit.inspection.subject import network_and_pictures, targets_of

__all__ = ["occlusion"]

SIDE = IMAGE_SHAPE[1]
GREY = 0.0  # the middle of [-1, 1]


@explains_arguments("ck.occlusion")
def occlusion(
    model: nn.Module | Trained,
    images: Any,
    *,
    targets: Any = None,
    size: int = 8,
    stride: int = 4,
    value_range: tuple[float, float] | None = None,
) -> Tensor:
    """Return how far the probability of a class drops when a grey square covers each place.

    It needs no gradient, so it works with any network (section 4.2). A covered picture is unlike
    the training pictures, and this in itself can change the probability.

    Args:
        model: from `batch 3 32 32` to logits `batch classes`; or a run.
        images: as for `predict`: an `ImageSet`, uint8, or float in [-1, 1], among others.
        targets: the label of the class to explain, or a label for each picture; the class that the
            network predicts when None.
        size: the side of the square, in pixels.
        stride: the distance from one square to the next, in pixels. The last square ends at the
            edge.
        value_range: as for `predict`.

    Returns:
        float32 `n 32 32` in [-1, 1], on the CPU: at each pixel the mean drop over the squares that
        cover it. It is negative where the probability rises.

    Raises:
        DataError: a picture cannot be read, there is no such class, or size or stride is not a
            whole number from 1 to 32, or to the size.
        ModelContractError: it is not a network.
        NonFiniteLossError: the network gives NaN or infinity for a picture.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.models.registry import create_model
    >>> test = load_synthetic(n_train=100, n_test=50, val_size=10).test
    >>> occlusion(create_model("linear"), test.images[:2]).shape
    torch.Size([2, 32, 32])
    """
    checked("size", size, Annotated[int, Range(1, SIDE)])
    checked("stride", stride, Annotated[int, Range(1, size)])
    network, pictures = network_and_pictures(model, images, value_range)
    labels = targets_of(network, pictures, targets)
    squares = _squares(size, stride)
    maps = [
        _drops(network, picture, int(label), squares)
        for picture, label in zip(pictures, labels, strict=True)
    ]
    return torch.stack(maps)


def _squares(size: int, stride: int) -> Tensor:
    """Return which pixels each square covers, bool `squares 32 32`."""
    starts = [*range(0, SIDE - size, stride), SIDE - size]
    squares = torch.zeros(len(starts) ** 2, SIDE, SIDE, dtype=torch.bool)
    for index, square in enumerate(squares):
        row, column = (starts[each] for each in divmod(index, len(starts)))
        square[row : row + size, column : column + size] = True
    return squares


def _drops(model: nn.Module, picture: Tensor, label: int, squares: Tensor) -> Tensor:
    """Return the mean drop at each pixel of one picture, `32 32`."""
    picture = picture.cpu()
    floats = picture if picture.is_floating_point() else to_floats(picture)
    covered = floats.masked_fill(squares[:, None], GREY)  # squares 3 32 32
    shown = torch.cat([floats[None], covered])
    probabilities = compute_logits(model, shown).softmax(dim=1)[:, label]
    drops = probabilities[0] - probabilities[1:]
    return (drops[:, None, None] * squares).sum(0) / squares.sum(0)
