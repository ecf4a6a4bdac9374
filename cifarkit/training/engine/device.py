"""Where training runs, and in which arithmetic."""

from __future__ import annotations

import os
import textwrap

import torch
from torch import nn

from cifarkit.errors import TrainingError
from cifarkit.models.contract import input_like
from cifarkit.recipes.recipe import Recipe
from cifarkit.runs.environment import cpu_capabilities

__all__ = ["arithmetic", "choose_device", "choose_precision", "precision_of"]


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
            f"the device {str(name)!r} cannot be used here ({reason}); write 'cpu', 'cuda', "
            "'mps' or 'auto'"
        ) from None
    if device.type == "meta":
        raise TrainingError(
            "the device 'meta' holds no numbers; write 'cpu', 'cuda', 'mps' or 'auto'"
        )
    return device


def choose_precision(recipe: Recipe, device: torch.device) -> torch.dtype:
    """Turn the recipe's precision into the type of the arithmetic.

    >>> choose_precision(Recipe(precision="bfloat16"), torch.device("cpu"))
    torch.bfloat16
    """
    if recipe.precision == "auto":
        return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32
    return torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32


def precision_of(model: nn.Module, recipe: Recipe, device: torch.device) -> torch.dtype:
    """Return the type of the arithmetic that a network is trained in.

    >>> precision_of(nn.Linear(3, 2).double(), Recipe(), torch.device("cpu"))
    torch.float64
    """
    _, dtype = input_like(model)
    # Autocast leaves float64 alone.
    return dtype if dtype == torch.float64 else choose_precision(recipe, device)


def arithmetic(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """Return a context manager that sets the precision; for float32 it changes nothing."""
    return torch.autocast(device.type, precision, enabled=precision != torch.float32)


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Return whether bfloat16 is quicker than float32.

    Emulation is slower. A processor is quicker if it multiplies whole tiles of bfloat16 (AMX), or
    if its vector instructions for it (AVX512_BF16) are quick, as on AMD's Zen 4 and Zen 5. There
    `baseline` and `batchnorm` trained at 1.4 to 1.6 times the speed of float32. On another
    processor with these instructions it was 0.66 to 0.76 times.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        flags = cpu_capabilities()
        # torch does not name the maker; only AMD has SSE4a.
        is_zen = flags.get("avx512_bf16") and flags.get("sse4a")
        return bool(flags.get("amx_bf16") or is_zen)
    return False
