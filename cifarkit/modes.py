"""Set the mode of a network or of torch for a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from cifarkit.randomness import fork_rng

__all__ = ["float32_by_default", "gradients_enabled", "in_evaluation"]


@contextmanager
def in_evaluation(model: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode for a block.

    After the block, the modes of all layers and the global generators are as they were before.

    Args:
        model: the network.

    >>> dropout = nn.Dropout()
    >>> with in_evaluation(dropout):
    ...     dropout.training
    False
    >>> dropout.training
    True
    """
    modes = {module: module.training for module in model.modules()}
    try:
        with fork_rng():
            model.eval()
            yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def gradients_enabled() -> Iterator[None]:
    """Switch gradients on for a block, even inside `torch.no_grad` or `torch.inference_mode`.

    >>> with torch.inference_mode(), gradients_enabled():
    ...     nn.Linear(2, 1)(torch.ones(1, 2)).requires_grad
    True
    """
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def float32_by_default() -> Iterator[None]:
    """Let torch make float32 for a block, so that what is drawn is the same in every script.

    >>> with float32_by_default():
    ...     torch.zeros(1).dtype
    torch.float32
    """
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(usual)
