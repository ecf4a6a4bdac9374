"""Decide whether a step can be captured as a CUDA graph, or must run eagerly."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import optimizer as optimizers

from cifarkit.runs.run import Run
from cifarkit.training.callback import Callbacks
from cifarkit.training.engine.cuda_graph import is_held
from cifarkit.training.engine.forward import Compile

__all__ = ["can_capture", "has_hooks", "unknown_layer", "why_eager"]

# Layers that launch the same kernels every time; some of torch.nn's do not, such as recurrent ones.
KINDS = ("activation", "batchnorm", "container", "conv", "dropout", "flatten", "linear", "pooling")
KNOWN = ("cifarkit.models.", *(f"torch.nn.modules.{kind}" for kind in KINDS))


def can_capture(compile: Compile, device: torch.device, precision: torch.dtype) -> bool:
    """Return whether steps may be captured: on CUDA, and with `"auto"` not in strict float32.

    In float32, a learning rate in a tensor changes last digits.
    """
    is_strict = precision == torch.float32 and compile == "auto"
    return device.type == "cuda" and compile != "off" and not is_strict


def why_eager(run: Run, callbacks: Callbacks, *, compile: Compile, processes: int) -> str | None:
    """Return why a step cannot be captured; None if it can.

    Args:
        run: the run in training.
        callbacks: its callbacks.
        compile: see `Trainer`; `"on"` allows unknown layers.
        processes: how many processes train it together.
    """
    if processes > 1:
        return "several processes train together"
    optimizer = run.recipe.optimizer
    if "recordable" not in vars(type(optimizer)) or not optimizer.recordable:
        return f"{type(optimizer).__name__} does not say that it is recordable"
    if (who := callbacks.at_every_step()) is not None:
        return who
    if has_hooks(run.model, run.state.optimizer):
        return "a layer, a weight or the optimiser has a hook"
    if compile != "on" and (layer := unknown_layer(run.model)) is not None:
        return f"{layer} is a layer that may do something else each time; compile='on' trusts it"
    if is_held(run.model):
        return (
            "a loss, logits or the traceback of an error is still held, and with it an autograd "
            "graph of the network"
        )
    return None


def unknown_layer(model: nn.Module) -> str | None:
    """Name the class of a layer or weight that may do something else each time; None without one.

    >>> unknown_layer(nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)))
    >>> unknown_layer(nn.Sequential(nn.LSTM(3072, 10)))
    'LSTM'
    """
    for layer in model.modules():
        kind, own = type(layer), "forward" in vars(layer)
        where = getattr(kind.forward, "__module__", "")
        if own or not (kind.__module__.startswith(KNOWN) and where.startswith(KNOWN)):
            return kind.__name__
    tensors = itertools.chain(model.parameters(), model.buffers())
    kinds = {type(tensor) for tensor in tensors} - {nn.Parameter, Tensor}
    return min((kind.__name__ for kind in kinds), default=None)


def has_hooks(model: nn.Module, optimizer: torch.optim.Optimizer) -> bool:
    """Return whether layers, weights or the optimiser have hooks.

    >>> layer = nn.Linear(2, 2)
    >>> optimizer = torch.optim.SGD(layer.parameters())
    >>> has_hooks(layer, optimizer)
    False
    >>> _ = layer.weight.register_hook(lambda gradient: 2 * gradient)
    >>> has_hooks(layer, optimizer)
    True
    """
    layers = ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks")
    owners: list[tuple[Iterable[object], Iterable[str]]] = [
        (model.modules(), [f"_{name}" for name in layers]),
        (model.parameters(), ("_backward_hooks", "_post_accumulate_grad_hooks")),
        ([optimizer], ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")),
        ([nn.modules.module], [f"_global_{name}" for name in layers]),
        ([optimizers], ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks")),
    ]
    return any(getattr(one, name, None) for many, known in owners for one in many for name in known)
