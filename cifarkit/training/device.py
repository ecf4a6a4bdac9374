"""Where training runs, and in which arithmetic."""

from __future__ import annotations

import os
import textwrap

import torch

from cifarkit.errors import TrainingError
from cifarkit.recipes.recipe import Recipe

__all__ = ["arithmetic", "choose_device", "choose_precision"]


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
    if str(name) == "cuda":
        # torchrun numbers the processes of a machine; each takes the device of its number.
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = textwrap.shorten(str(error), 100, placeholder=" …")
        raise TrainingError(
            f"the device {str(name)!r} cannot be used here ({reason}); usual are 'cpu', 'cuda' and "
            "'mps', and 'auto' takes what there is"
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
        return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32
    return torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32


def arithmetic(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """Return a block in which the precision holds; float32 is what holds without one."""
    return torch.autocast(device.type, precision, enabled=precision != torch.float32)


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Tell whether bfloat16 is quicker than float32: where whole tiles of it are multiplied.

    Emulated it is slower. So it is with the vector instructions (AVX512_BF16) of a processor that
    has no tiles (AMX): measured on one, `baseline`, `deeper`, `resnet20` and `speedrun` trained at
    0.66 to 0.76 times the speed of float32.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):  # from torch 2.10 on
        found = torch.cpu.get_capabilities()
        return bool(found.get("amx_bf16"))
    return False
