"""The forward pass, from a batch to its loss: the part of a step that can be compiled."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cifarkit.data.batches import Batch
from cifarkit.errors import TrainingError
from cifarkit.models.contract import input_like
from cifarkit.recipes.losses import Loss
from cifarkit.training.engine.out_of_memory import is_shortage

__all__ = [
    "Compile",
    "CompiledForward",
    "Forward",
    "can_trace",
    "checked_compile",
    "choose_forward",
    "forward",
]

Compile = Literal["auto", "on", "off"]
Forward = Callable[[nn.Module, Batch, Loss], tuple[Tensor, Tensor]]
Options = dict[str, str | int | bool | Callable[..., Any]]  # as torch.compile types them


def forward(model: nn.Module, batch: Batch, loss: Loss) -> tuple[Tensor, Tensor]:
    """Return the mean loss of a batch, and the logits `batch classes`."""
    _, dtype = input_like(model)
    logits = model(batch.images.to(dtype))
    return loss.mean(logits, batch.targets), logits


class CompiledForward:
    """`forward`, compiled for the signatures of batches that `warm_up` has seen.

    Batches of another signature, such as a smaller last batch, run uncompiled: compiling for them
    would cost more than it saves.
    """

    def __init__(self) -> None:
        # Round where uncompiled bfloat16 rounds. Else the backward pass recomputes different
        # values, max pooling does not find its maximum among them, and the gradients become NaN.
        rounding: Options = {"emulate_precision_casts": True}
        self.compiled = torch.compile(forward, dynamic=False, options=rounding)
        self.signatures: set[object] = set()

    def __call__(self, model: nn.Module, batch: Batch, loss: Loss) -> tuple[Tensor, Tensor]:
        """Return the mean loss of a batch, and the logits `batch classes`."""
        chosen = self.compiled if batch.signature in self.signatures else forward
        return chosen(model, batch, loss)

    def warm_up(self, model: nn.Module, batch: Batch, loss: Loss) -> None:
        """Compile for batches of this signature, on a copy of the network.

        Raises:
            TrainingError: the network cannot be copied or compiled here.
        """
        self.signatures.add(batch.signature)
        try:
            copied = copy.deepcopy(model)
            if not copied.training:  # else some layers may be kept in evaluation mode
                copied.train()
            with _unlimited_tracing():
                mean, _ = self(copied, batch, loss)
                mean.backward()
            mean.item()  # waits for the device
        except Exception as error:
            if isinstance(error, RuntimeError | MemoryError) and is_shortage(error):
                raise
            reason = (str(error).strip() or "without a word").splitlines()[0]
            raise TrainingError(
                f"a copy of the network could not be compiled ({type(error).__name__}: {reason}); "
                "train with compile='auto', or repair that first. On a CPU torch.compile needs a "
                "C++ "
                "compiler, and a network that keeps what it has computed cannot be copied"
            ) from error


def checked_compile(compile: Compile) -> Compile:
    """Return how to compile, or refuse what this torch cannot do.

    Raises:
        TrainingError: `compile` is not one of its three values, or this torch is too old for it.
    """
    if compile not in ("auto", "on", "off"):
        raise TrainingError(f"compile must be 'auto', 'on' or 'off', found {compile!r}")
    if compile == "on" and not can_trace():
        raise TrainingError(
            f"compile='on' needs torch 2.7, and this is {torch.__version__}; install a newer one, "
            "or train with compile='auto'"
        )
    return compile


def choose_forward(compile: Compile) -> Forward:
    """Return `forward`, compiled if `compile` is `"on"`.

    `"auto"` does not compile. On the CPU compiling made the baseline slower. On a GPU compiling
    takes longer than it saves in ten epochs; there a CUDA graph replays the step, see
    `CUDAGraphStep`.
    """
    return CompiledForward() if compile == "on" else forward


def can_trace() -> bool:
    """Return whether torch's tracer is safe to use: in torch 2.6 it may end the whole process."""
    return hasattr(torch._dynamo.config, "recompile_limit")


def _unlimited_tracing() -> Any:
    """Return a context manager in which torch's tracer takes any number of networks and shapes.

    By default it takes several networks for one that keeps changing, and stops compiling.
    """
    return torch._dynamo.config.patch(recompile_limit=10_000, accumulated_recompile_limit=10_000)
