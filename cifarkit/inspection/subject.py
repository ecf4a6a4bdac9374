"""What is inspected: a network, pictures, and the class to explain for each picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from cifarkit.annotations import Range
from cifarkit.arguments import checked
from cifarkit.data.image_set import to_floats
from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import check_finite
from cifarkit.evaluation.inference import compute_logits
from cifarkit.evaluation.predictions import as_images
from cifarkit.evaluation.trained import Trained, check_not_splits, network_of
from cifarkit.models.contract import check_network, input_like, layout_of

__all__ = ["BATCH", "float_batches", "network_and_pictures", "targets_of"]

BATCH = 100  # pictures at once, so that memory stays bounded


def network_and_pictures(
    model: nn.Module | Trained, images: Any, value_range: Any
) -> tuple[nn.Module, Tensor]:
    """Return the network, and the pictures as uint8 `n 3 32 32` or float32 in [-1, 1].

    Raises:
        DataError: a picture cannot be read, an array has another shape, type or range, or there
            are no pictures.
        ModelContractError: it is not a network.
    """
    check_not_splits(images)
    network, _ = network_of(model, None)
    check_network(network)
    pictures = as_images(images, value_range)
    if len(pictures) == 0:
        raise DataError("there is nothing to inspect: no images were given")
    return network, pictures


def targets_of(model: nn.Module, pictures: Tensor, targets: Any) -> Tensor:
    """Return the class to explain for each picture, int64 `n`.

    Args:
        model: the network.
        pictures: uint8 `n 3 32 32`, or float32 in [-1, 1].
        targets: a label for all, or one for each picture; the predicted class when None.

    Raises:
        DataError: there is no such class, or there are more or fewer labels than pictures.
        NonFiniteLossError: the network gives NaN or infinity for a picture.
    """
    logits = compute_logits(model, pictures)
    check_finite(logits.numpy())
    n, classes = logits.shape
    if targets is None:
        return logits.argmax(dim=1)
    labels = np.asarray(targets.cpu() if isinstance(targets, Tensor) else targets)
    if labels.ndim == 0:
        label = checked("targets", labels.item(), Annotated[int, Range(0, classes - 1)])
        return torch.full((n,), label)
    if labels.dtype.kind not in "iu" or labels.shape != (n,):
        raise DataError(
            f"targets must be one label, or {n} whole numbers, one for each picture; "
            f"found {labels.dtype} {labels.shape}"
        )
    outside = labels[(labels < 0) | (labels >= classes)]
    if len(outside):
        raise DataError(f"targets must be labels from 0 to {classes - 1}, found {outside[0]}")
    return torch.from_numpy(labels.astype(np.int64))


def float_batches(model: nn.Module, pictures: Tensor) -> Iterator[Tensor]:
    """Yield batches of pictures in [-1, 1], on the device and in the type of the network.

    Args:
        model: the network.
        pictures: uint8 `n 3 32 32`, or float32 in [-1, 1].
    """
    device, dtype = input_like(model)
    for part in pictures.split(BATCH):
        # A copy: gradients cannot pass a tensor that was made in inference mode.
        floats = part.clone() if part.is_floating_point() else to_floats(part)
        yield floats.to(device, dtype).contiguous(memory_format=layout_of(model))
