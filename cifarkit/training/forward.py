"""From a batch to its loss: the one part of a step that can be compiled."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cifarkit.data.batches import Batch
from cifarkit.errors import TrainingError

__all__ = [
    "Compile",
    "CompiledForward",
    "Forward",
    "choose_forward",
    "decides_nothing",
    "forward",
    "may_record",
]

Compile = Literal["auto", "on", "off"]
Forward = Callable[[nn.Module, Batch, float], tuple[Tensor, Tensor]]
Options = dict[str, str | int | bool | Callable[..., Any]]  # as torch.compile types them


def forward(model: nn.Module, batch: Batch, label_smoothing: float) -> tuple[Tensor, Tensor]:
    """Return the mean loss of a batch, in nats, and the logits `batch classes`."""
    logits = model(batch.images)
    return F.cross_entropy(logits, batch.targets, label_smoothing=label_smoothing), logits


class CompiledForward:
    """`forward`, compiled for the shapes of batches that it was warmed up for.

    Another one, such as a smaller last batch, goes the plain way: to compile for it takes longer
    than it does.
    """

    def __init__(self) -> None:
        # Rounded where uncompiled bfloat16 rounds. Else what is computed once more on the way back
        # is not what it was: a maximum is looked for by its value, not found, and all becomes NaN.
        rounding: Options = {"emulate_precision_casts": True}
        self.compiled = torch.compile(forward, dynamic=False, options=rounding)
        self.shapes: set[torch.Size] = set()

    def __call__(
        self, model: nn.Module, batch: Batch, label_smoothing: float
    ) -> tuple[Tensor, Tensor]:
        """Return the mean loss of a batch, in nats, and the logits `batch classes`."""
        chosen = self.compiled if batch.images.shape in self.shapes else forward
        return chosen(model, batch, label_smoothing)

    def warm_up(self, model: nn.Module, batch: Batch, label_smoothing: float) -> None:
        """Compile for batches of this shape, on a copy of the network."""
        self.shapes.add(batch.images.shape)
        with unlimited_tracing():
            loss, _ = self(copy.deepcopy(model).train(), batch, label_smoothing)
            loss.backward()
        loss.item()  # waits for the device


def choose_forward(compiled: Compile) -> Forward:
    """Return `forward`, compiled where that is asked for.

    `"auto"` does not compile: on the CPU no gain could be told from noise, and on a GPU compiling
    takes longer than all that it saves in a training of ten epochs; a GPU plays the step again from
    a recording, see `RecordedStep`.

    Raises:
        TrainingError: `compiled` is none of the three.
    """
    if compiled not in ("auto", "on", "off"):
        raise TrainingError(f"compile must be 'auto', 'on' or 'off', found {compiled!r}")
    return CompiledForward() if compiled == "on" else forward


def may_record(compiled: Compile, device: torch.device, precision: torch.dtype) -> bool:
    """Tell whether steps are recorded: on CUDA, but by `"auto"` not in strict float32.

    There a rate that lies in a tensor would change last digits.
    """
    is_strict = precision == torch.float32 and compiled == "auto"
    return device.type == "cuda" and compiled != "off" and not is_strict


def unlimited_tracing() -> Any:
    """Return a block in which torch's tracer does not give up after a few networks or shapes.

    It would take them for one that keeps changing.
    """
    return torch._dynamo.config.patch(recompile_limit=256)


def decides_nothing(model: nn.Module, batch: Batch, label_smoothing: float) -> bool:
    """Tell whether the way from batch to loss is the same whatever comes, and on the device alone.

    It is so where torch's own tracer (https://docs.pytorch.org/docs/stable/torch.compiler.html)
    can follow it from end to end: no branch on a number in a tensor, none on Python's chance.

    >>> batch = Batch(torch.zeros(2, 3, 32, 32), torch.tensor([0, 1]))
    >>> decides_nothing(nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)), batch, 0.0)
    True
    """
    traced = torch.compile(forward, backend="eager", fullgraph=True, dynamic=False)
    try:
        with unlimited_tracing():
            traced(copy.deepcopy(model).train(), batch, label_smoothing)
    except torch._dynamo.exc.TorchDynamoException:
        return False
    return True
