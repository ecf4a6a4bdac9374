"""What every network must do, checked when it is first built and not an epoch later."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from cifarkit.errors import ModelContractError
from cifarkit.randomness import preserved

__all__ = ["check_logits", "check_module"]


def check_module(model: Any, who: str) -> None:
    """Refuse what is not a network.

    Args:
        model: what a builder returned or a user passed.
        who: whose it is, for the message.

    Raises:
        ModelContractError: it is no `nn.Module` instance.
    """
    if isinstance(model, nn.Module):
        return
    found, cure = repr(model), "return an nn.Module"
    if model is None:
        found, cure = "None", "did you forget to return the network?"
    elif inspect.isclass(model):
        found, cure = f"the class {model.__name__}", f"call it: {model.__name__}(…)"
    raise ModelContractError(f"{who} gave {found} in place of a network; {cure}")


def check_logits(model: nn.Module, num_classes: int, who: str) -> None:
    """Show the network two grey images and look at what comes out.

    The network is left as it was: in its mode, with its weights, the global generators too.

    Args:
        model: the network.
        num_classes: how many logits there must be for each image.
        who: whose it is, for the message.

    Raises:
        ModelContractError: the images do not pass, or what comes out is not float
            `2 num_classes`.
    """
    modes = {module: module.training for module in model.modules()}
    parameter = next(model.parameters(), None)
    images = torch.zeros(2, 3, 32, 32, device=None if parameter is None else parameter.device)
    try:
        with preserved(), torch.no_grad():
            logits = model.eval()(images)
    except Exception as error:
        raise ModelContractError(
            f"{who} does not take images batch 3 32 32: {type(error).__name__}: {error}"
        ) from error
    finally:
        for module, training in modes.items():
            module.training = training
    if not isinstance(logits, torch.Tensor) or not logits.is_floating_point():
        raise ModelContractError(
            f"{who} must give a float tensor of logits, found {type(logits).__name__}"
        )
    if logits.shape != (2, num_classes):
        raise ModelContractError(
            f"{who} must give logits batch classes, here 2 {num_classes}; "
            f"found {' '.join(map(str, logits.shape))} for a batch of 2. "
            "Is the last layer's width num_classes?"
        )
