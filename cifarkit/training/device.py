"""Where training runs, and in which arithmetic."""

from __future__ import annotations

import torch

from cifarkit.errors import TrainingError
from cifarkit.recipes.recipe import Recipe

__all__ = ["choose_device", "choose_precision"]


def choose_device(name: str | torch.device) -> torch.device:
    """Turn `"auto"` or a device's name into a device that works.

    Args:
        name: `"auto"` (CUDA, else Apple's MPS, else the CPU), or any name torch knows.

    Raises:
        TrainingError: torch does not know it, or cannot use it here.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
        name = "cuda" if cuda else "mps" if mps else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise TrainingError(
            f"the device {str(name)!r} cannot be used here ({reason}); 'auto' takes what there is"
        ) from None
    if device.type == "meta":
        raise TrainingError("the device 'meta' holds no numbers; 'auto' takes what there is")
    return device


def choose_precision(recipe: Recipe, device: torch.device) -> torch.dtype:
    """Turn the recipe's precision into the type of the arithmetic.

    >>> choose_precision(Recipe(precision="bfloat16"), torch.device("cpu"))
    torch.bfloat16
    """
    if recipe.precision == "auto":
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
