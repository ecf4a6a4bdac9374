"""Whether a network waits for the GPU, as CUDA itself tells."""

from __future__ import annotations

import warnings

import torch
from torch import nn

from cifarkit.data.batches import Batch
from cifarkit.models.symptoms import as_found
from cifarkit.training.forward import forward

__all__ = ["waits"]


def waits(model: nn.Module, batch: Batch, label_smoothing: float, device: torch.device) -> bool:
    """Return whether the way from batch to loss and back waits for a GPU, as `.item()` does.

    A tracer does not see what waits within an operation, such as `torch.linalg.inv`, or on the way
    back; CUDA is told to refuse it. It could not be recorded.

    Args:
        model: left as it is.
        batch: on the device.
        label_smoothing: of the loss.
        device: where.

    >>> batch = Batch(torch.zeros(2, 3, 32, 32), torch.tensor([0, 1]))
    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    >>> waits(network, batch, 0.0, torch.device("cpu"))  # there is no GPU to wait for
    False
    """
    if device.type != "cuda":
        return False
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    with as_found(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that it does not find all that waits
        model.train()
        before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("error")
        try:
            loss, _ = forward(model, batch, label_smoothing)
            torch.autograd.grad(loss, weights, allow_unused=True)
        except RuntimeError:
            return True
        finally:
            torch.cuda.set_sync_debug_mode(before)
    return False
