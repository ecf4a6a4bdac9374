"""Modes of a network and of torch, held for a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from cifarkit.randomness import fork_rng

__all__ = ["gradients_enabled", "in_evaluation"]


@contextmanager
def in_evaluation(model: nn.Module) -> Iterator[None]:
    """Hold a network in evaluation mode for a block.

    After it every layer is in the mode it was in, and the global generators are where they were.

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
    """Compute gradients in a block, whatever mode torch is in around it and after it.

    >>> with torch.inference_mode(), gradients_enabled():
    ...     nn.Linear(2, 1)(torch.ones(1, 2)).requires_grad
    True
    """
    with torch.inference_mode(False), torch.enable_grad():
        yield
