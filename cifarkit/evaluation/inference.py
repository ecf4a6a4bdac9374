"""Running a network without teaching it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cifarkit.data.image_set import to_floats

__all__ = ["compute_logits", "device_of"]

BATCH = 500  # fixed, so that the same network on the same images gives the same bits


def compute_logits(model: nn.Module, images: Tensor) -> Tensor:
    """Return the network's logits, in evaluation mode and float32.

    Every layer is left in the mode it was in.

    Args:
        model: from float32 `batch 3 32 32` in [-1, 1] to `batch classes`.
        images: uint8 `n 3 32 32`, or float32 in [-1, 1], on any device.

    Returns:
        float32 `n classes`, on the CPU.
    """
    modes = {module: module.training for module in model.modules()}
    device = device_of(model)
    model.eval()
    try:
        with torch.inference_mode():
            parts = [model(_as_floats(part.to(device))) for part in images.split(BATCH)]
            return torch.cat(parts).float().cpu()
    finally:
        for module, training in modes.items():
            module.training = training


def _as_floats(images: Tensor) -> Tensor:
    return images.float() if images.is_floating_point() else to_floats(images)


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a network's parameters; the CPU when it has none."""
    parameter = next(model.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device
