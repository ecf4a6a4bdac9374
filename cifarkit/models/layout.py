"""Choose the memory layout of a network's weights: channels-last if it works, else torch's default.

Convolutions run fastest on batches whose channels are adjacent in memory
(https://docs.pytorch.org/tutorials/intermediate/memory_format_tutorial.html). Not every network
works with such batches: `x.view(len(x), -1)` after a convolution fails, and so does a layer with
five-dimensional weights. One kind of layer cannot even be tried: its backward pass breaks memory.
"""

from __future__ import annotations

from contextlib import suppress

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from cifarkit.models.contract import input_like, layout_of
from cifarkit.models.symptoms import as_found
from cifarkit.randomness import seeded

__all__ = ["choose_layout"]

TOLERANCE = 0.1  # of the largest logit; another layout changes last digits, a mistake much more


def choose_layout(model: nn.Module) -> torch.memory_format:
    """Put a network's weights in channels-last if its forward and backward passes work with it.

    Otherwise, and without filters, the weights get torch's default layout. The same network gets
    the same layout each time; `layout_of` finds it from the weights.

    Args:
        model: any network; its results stay the same, up to the last digits.

    Returns:
        `torch.channels_last` or `torch.contiguous_format`.

    >>> choose_layout(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(7200, 10)))
    torch.channels_last
    >>> choose_layout(nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)))
    torch.contiguous_format
    """
    has_filters = any(weight.ndim == 4 for weight in model.parameters())
    if has_filters and not any(map(_breaks_memory, model.modules())):
        expected = None
        # A network may raise any error in one layout, and work in the other.
        with suppress(Exception):
            model.to(memory_format=torch.contiguous_format)
            expected = _logits(model)
        with suppress(Exception):
            model.to(memory_format=torch.channels_last)
            _go_forward_and_back(model)
            if expected is None or _alike(_logits(model), expected):
                return layout_of(model)
    model.to(memory_format=torch.contiguous_format)
    return layout_of(model)


def _breaks_memory(layer: nn.Module) -> bool:
    """Return whether a gradient of the layer's weights may write past its memory in channels-last.

    On processors with AVX2, torch 2.14.1 gives wrong gradients, hangs or ends the process, for
    strided filters of 1 by 1 and fewer than 8 channels. The report
    (https://github.com/uxlfoundation/oneDNN/issues/6035) says the same of AVX-512; a block of
    channels is 16 there.
    """
    return (
        (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1))
        and max(layer.stride) > 1
        and layer.in_channels // layer.groups < 16
    )


def _pictures(model: nn.Module) -> Tensor:
    """Return `2 3 32 32` random pictures in [-1, 1], in the layout of the network."""
    device, dtype = input_like(model)
    pictures = torch.rand(2, 3, 32, 32).mul_(2).sub_(1).to(device, dtype)
    return pictures.contiguous(memory_format=layout_of(model))


def _logits(model: nn.Module) -> list[Tensor]:
    """Return all tensors that the network gives in evaluation mode."""
    with as_found(model), seeded("layout"), torch.no_grad():
        model.eval()
        leaves = pytree.tree_leaves(model(_pictures(model)))
        return [leaf.clone() for leaf in leaves if isinstance(leaf, Tensor)]


def _go_forward_and_back(model: nn.Module) -> None:
    with as_found(model), seeded("layout"), torch.enable_grad():
        model.train()
        leaves = pytree.tree_leaves(model(_pictures(model)))
        learnt = [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.requires_grad]
        if learnt:
            torch.autograd.backward([leaf.abs().sum() for leaf in learnt])


def _alike(outputs: list[Tensor], expected: list[Tensor]) -> bool:
    return len(outputs) == len(expected) and all(
        output.shape == other.shape
        and bool(((output - other).abs() <= TOLERANCE * other.abs().max()).all())
        for output, other in zip(outputs, expected, strict=True)
    )
