"""Whether steps run eagerly, or are captured as a CUDA graph."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import optimizer as optimizers

from cifarkit.training.engine.cuda_graph import CUDAGraphStep, Step, is_held
from cifarkit.training.engine.forward import Compile

if TYPE_CHECKING:
    from cifarkit.runs.run import Run
    from cifarkit.training.callback import Callbacks
    from cifarkit.training.engine.engine import Engine

__all__ = ["can_capture", "captured_or_eager", "has_hooks", "unknown_layer"]

# Layers that do the same every time; of torch.nn some are left out, such as recurrent ones.
KINDS = ("activation", "batchnorm", "container", "conv", "dropout", "flatten", "linear", "pooling")
KNOWN = ("cifarkit.models.", *(f"torch.nn.modules.{kind}" for kind in KINDS))


def can_capture(compile: Compile, device: torch.device, precision: torch.dtype) -> bool:
    """Return whether steps may be captured: on CUDA, but by `"auto"` not in strict float32.

    In float32 a learning rate that is held in a tensor changes last digits.
    """
    is_strict = precision == torch.float32 and compile == "auto"
    return device.type == "cuda" and compile != "off" and not is_strict


def captured_or_eager(engine: Engine, step: Step, run: Run, callbacks: Callbacks) -> Step:
    """Return what makes the steps from here on: the step itself, or one that captures it.

    A step is captured where Python decides nothing in it. The run's facts say what keeps it eager.

    Args:
        engine: that computes it.
        step: makes a step eagerly.
        run: in training.
        callbacks: that are told of it.
    """
    run.facts.setdefault("steps_recorded", False)
    run.facts.pop("steps_by_hand_because", None)
    if not engine.can_capture:
        return step
    reason = _why_eager(engine, run, callbacks)
    if reason is not None:
        run.facts["steps_by_hand_because"] = reason
        return step
    noted = partial(run.facts.update, steps_recorded=True)
    return CUDAGraphStep(step, run.state.optimizer, engine.device, noted)


def _why_eager(engine: Engine, run: Run, callbacks: Callbacks) -> str | None:
    """Name what Python does at every step beside the step, if anything."""
    if engine.distributed.count > 1:
        return "several processes train together"
    optimizer = type(run.recipe.optimizer)
    if not vars(optimizer).get("recordable", False):
        return f"{optimizer.__name__} does not say that it is recordable"
    if (who := callbacks.at_every_step()) is not None:
        return who
    if has_hooks(run.model, run.state.optimizer):
        return "a layer, a weight or the optimiser has a hook"
    if engine.compile != "on" and (layer := unknown_layer(run.model)) is not None:
        return f"{layer} is a layer that may decide otherwise each time; compile='on' trusts it"
    if is_held(run.model):
        return (
            "a loss, logits or the traceback of an error is still held, and with it the way back "
            "through the network"
        )
    return None


def unknown_layer(model: nn.Module) -> str | None:
    """Name the class of a layer, or of a weight, that is not known to do the same every time.

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
    """Return whether Python listens: hooks of layers, of weights, of the optimiser, or of all such.

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
