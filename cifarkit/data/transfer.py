"""Small tensors, moved to the device of the pictures."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["to_device"]


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device, without waiting for the device's work.

    By default torch waits for all of it, and a GPU then has nothing to do while the next step is
    prepared. On CUDA the ordinary memory of a small tensor is read before the call returns, so
    it is safe not to wait. On other devices that is not known.

    Args:
        tensor: on the CPU.
        device: of the pictures.

    >>> to_device(torch.arange(3), torch.device("cpu"))
    tensor([0, 1, 2])
    """
    return tensor.to(device, non_blocking=device.type == "cuda")
