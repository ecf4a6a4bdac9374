"""Check that a network can learn: it has trainable weights, and gradients reach them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cifarkit.errors import ModelContractError
from cifarkit.models.contract import check_answer

__all__ = ["check_trainable", "gradients_of"]

PASSES = 10  # enough that a layer that forward skips at random takes part once


def check_trainable(model: nn.Module, who: str) -> None:
    """Refuse a network whose weights cannot be trained.

    Args:
        model: the network.
        who: how messages call the network.

    Raises:
        ModelContractError: all weights are frozen, some are of a type that overflows, or
            were made where torch keeps no gradients.

    >>> check_trainable(nn.Linear(3, 2).half(), "the model")
    Traceback (most recent call last):
    ...
    cifarkit.errors.ModelContractError: the model has weights of type float16, at 'weight', which
    overflow while they learn; build it in float32, and train with
    ck.Recipe(precision="bfloat16") to compute in half precision
    """
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    if not weights:
        raise ModelContractError(
            f"{who} has no trainable parameters, so nothing can be learnt; leave "
            "requires_grad_(False) out for the parameters that should learn"
        )
    for name, weight in weights.items():
        if weight.is_inference():
            raise ModelContractError(
                f"{who} was built inside torch.inference_mode(), where {name!r} cannot be "
                "trained; build it outside"
            )
        if weight.dtype.itemsize < 4 and weight.dtype != torch.bfloat16:
            dtype = str(weight.dtype).removeprefix("torch.")
            raise ModelContractError(
                f"{who} has weights of type {dtype}, at {name!r}, which overflow while they learn; "
                'build it in float32, and train with ck.Recipe(precision="bfloat16") to compute '
                "in half precision"
            )


def gradients_of(
    model: nn.Module, images: Tensor, targets: Tensor
) -> tuple[float, dict[str, Tensor | None]]:
    """Return the first loss in training mode, and the gradient of each trainable weight.

    Gradients are summed over two passes, or more if two do not reach every weight. The gradients
    that the network holds are replaced.

    Args:
        model: the network; it is left in training mode.
        images: `batch 3 height width`.
        targets: int64 `batch`, the labels.

    Raises:
        ModelContractError: it gives no logits, no gradient reaches any weight, a gradient is
            sparse, or the second backward pass goes back through the first.
    """
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    model.train()
    model.zero_grad()
    first = math.nan
    for number in range(PASSES):
        with torch.enable_grad():
            logits = model(images)
            check_answer(
                logits, len(images), None, "in training mode the network", in_training=True
            )
            loss = F.cross_entropy(logits.float(), targets)
        if number == 0:
            first = loss.item()
        if loss.requires_grad:  # None if forward runs under no_grad
            _go_back(loss)
        if number > 0 and all(weight.grad is not None for weight in weights.values()):
            break
    _check_gradients(weights)
    return first, {name: weight.grad for name, weight in weights.items()}


def _go_back(loss: Tensor) -> None:
    try:
        loss.backward()
    except RuntimeError as error:
        if "graph a second time" not in str(error):
            raise
        raise ModelContractError(
            "the network keeps a result of the batch before, and with it the graph of that "
            "batch's backward pass; detach it: self.state = state.detach()"
        ) from error


def _check_gradients(weights: dict[str, nn.Parameter]) -> None:
    if weights and all(weight.grad is None for weight in weights.values()):
        raise ModelContractError(
            "no gradient reaches any weight; leave torch.no_grad(), inference_mode(), detach(), "
            "argmax() and NumPy out of forward"
        )
    for name, weight in weights.items():
        if weight.grad is not None and weight.grad.layout != torch.strided:
            raise ModelContractError(
                f"the gradient of {name!r} is sparse, which most optimisers do not take; write "
                "nn.Embedding(…, sparse=False)"
            )
