"""The gradient of a convolution's weights as one product of matrices, for bfloat16 on CPUs.

Where pictures are small and channels are many, torch's library spends most of its time on moving
weights, not on multiplying: it seems to add up this gradient picture by picture. One product over
the pixels of all pictures moves each weight once. For this, each pixel is laid beside the eight
around it: the unrolled convolution of Chellapilla, Puri & Simard 2006, "High Performance
Convolutional Neural Networks for Document Processing", https://hal.inria.fr/inria-00112631.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_input

__all__ = ["convolved", "pays"]


def pays(signal: Tensor, filters: Tensor) -> bool:
    """Return whether one product is quicker than torch's gradient, by the numbers to be moved.

    Args:
        signal: `batch channels rows columns`, on any device.
        filters: `width channels 3 3`.
    """
    is_autocast = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if is_autocast else signal.dtype
    is_alike = is_autocast or signal.dtype == filters.dtype  # others are left to torch's refusal
    is_learnt = torch.is_grad_enabled() and filters.requires_grad
    rows, columns = signal.shape[-2:]
    return (
        (signal.device.type == "cpu" and dtype == torch.bfloat16 and is_alike and is_learnt)
        and (signal.ndim == 4 and signal.shape[1] == filters.shape[1])
        and 0 < 4 * rows * columns <= len(filters)
    )


def convolved(signal: Tensor, filters: Tensor) -> Tensor:
    """Convolve by 3 by 3, padded by 1, as torch does it in bfloat16; the gradient is one product.

    Args:
        signal: `batch channels rows columns`.
        filters: `width channels 3 3`.

    Returns:
        bfloat16 `batch width rows columns`.
    """
    output: Tensor = _Convolution.apply(signal.bfloat16(), filters.bfloat16())
    return output


class _Convolution(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(signal: Tensor, filters: Tensor) -> Tensor:
        return F.conv2d(signal, filters, padding=1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], _output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, of_output: Tensor) -> tuple[Tensor | None, Tensor | None]:
        signal, filters = ctx.saved_tensors
        of_signal = of_filters = None
        if ctx.needs_input_grad[0]:
            of_signal = conv2d_input(signal.shape, filters, of_output, padding=1)
        if ctx.needs_input_grad[1]:
            width, channels = filters.shape[:2]
            product = of_output.permute(1, 0, 2, 3).flatten(1) @ _surroundings(signal)
            of_filters = product.view(width, 3, 3, channels).permute(0, 3, 1, 2)
        return of_signal, of_filters


def _surroundings(signal: Tensor) -> Tensor:
    """Return each pixel beside its neighbours, `batch·rows·columns 9·channels`."""
    padded = F.pad(signal.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    around = padded.unfold(1, 3, 1).unfold(2, 3, 1)  # batch rows columns channels 3 3
    return around.permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(0, 2)
