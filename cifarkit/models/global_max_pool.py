"""The largest value of each channel, anywhere in the picture."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["GlobalMaxPool"]


class GlobalMaxPool(nn.Module):
    """Take the maximum over the whole picture, of any size.

    It replaces `torch.nn.AdaptiveMaxPool2d(1)`, which has no deterministic backward pass on CUDA.

    >>> import torch
    >>> GlobalMaxPool()(torch.zeros(4, 128, 3, 3)).shape
    torch.Size([4, 128])
    """

    def forward(self, signal: Tensor) -> Tensor:
        """Return `batch channels` for `batch channels rows columns`."""
        return signal.amax((2, 3))
