"""From a batch to its loss: the one part of a step that can be compiled."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cifarkit.data.batches import Batch
from cifarkit.errors import TrainingError

__all__ = ["Compile", "Forward", "choose_forward", "forward", "warm_up"]

Compile = Literal["auto", "on", "off"]
Forward = Callable[[nn.Module, Batch, float], tuple[Tensor, Tensor]]


def forward(model: nn.Module, batch: Batch, label_smoothing: float) -> tuple[Tensor, Tensor]:
    """Return the mean loss of a batch, in nats, and the logits `batch classes`."""
    logits = model(batch.images)
    return F.cross_entropy(logits, batch.targets, label_smoothing=label_smoothing), logits


def choose_forward(compiled: Compile, device: torch.device, precision: torch.dtype) -> Forward:
    """Return `forward`, compiled where that is asked for or pays.

    `"auto"` compiles on CUDA, where small networks wait for one launch after another; not on the
    CPU, where no gain could be told from noise; and never in strict float32, whose bits a compiler
    would change.

    Raises:
        TrainingError: `compiled` is none of the three.
    """
    if compiled not in ("auto", "on", "off"):
        raise TrainingError(f"compile must be 'auto', 'on' or 'off', found {compiled!r}")
    pays = device.type == "cuda" and precision != torch.float32
    if compiled == "off" or (compiled == "auto" and not pays):
        return forward
    return torch.compile(forward, mode="reduce-overhead" if device.type == "cuda" else None)


def warm_up(chosen: Forward, model: nn.Module, batch: Batch, label_smoothing: float) -> float:
    """Compile on a copy of the network, and return the seconds it took; 0 where nothing is.

    A batch of another shape, such as a smaller last one, is compiled when it first comes.
    """
    if chosen is forward:
        return 0.0
    begin = time.perf_counter()
    loss, _ = chosen(copy.deepcopy(model).train(), batch, label_smoothing)
    loss.backward()
    loss.item()  # waits for the device
    return time.perf_counter() - begin
