"""Move small tensors to the device of the pictures."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["to_device"]


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device, without waiting until the device has finished its work.

    By default torch waits, and a GPU then has nothing to do while the next step is prepared. On
    CUDA the ordinary memory of a small tensor is read before the call returns, so it is safe not to
    wait. On other devices that is not known.

    Args:
        tensor: a tensor on the CPU.
        device: the device of the pictures.

    >>> to_device(torch.arange(3), torch.device("cpu"))
    tensor([0, 1, 2])
    """
    return tensor.to(device, non_blocking=device.type == "cuda")
