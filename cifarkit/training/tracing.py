"""Whether Python has a say in what a network does, by its layers or by torch's own tracer."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import optimizer as optimizers
from torch.utils import _pytree as pytree

from cifarkit.data.batches import Batch
from cifarkit.models.symptoms import as_found
from cifarkit.training.forward import can_trace, forward

__all__ = ["decides_nothing", "has_hooks", "is_known"]

# Modules whose layers do the same every time; of torch.nn some are left out, as recurrent layers.
KINDS = ("activation", "batchnorm", "container", "conv", "dropout", "flatten", "linear", "pooling")
ROOMS = ("cifarkit.models.", *(f"torch.nn.modules.{kind}" for kind in KINDS))


def decides_nothing(model: nn.Module, batch: Batch, label_smoothing: float) -> bool:
    """Return whether the way from batch to loss is the same every time, and on the device alone.

    It is so where torch's tracer (https://docs.pytorch.org/docs/stable/torch.compiler.html) can
    follow it from end to end, and meets nothing but tensors of fixed shapes on the network's
    device; where it is the same way the second time; and where no layer keeps anything for the next
    time, its buffers aside, as batch norm does. Torch 2.6 is too old to find out.

    Args:
        model: left as it is.
        batch: on the network's device.
        label_smoothing: of the loss.

    >>> batch = Batch(torch.zeros(2, 3, 32, 32), torch.tensor([0, 1]))
    >>> linear = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    >>> decides_nothing(linear, batch, 0.0) == can_trace()
    True
    """
    if not can_trace():
        return False
    followed: list[bool] = []

    def inspect(graph: torch.fx.GraphModule, _: list[Tensor]) -> Callable[..., Any]:
        followed.append(all(_is_fixed(node, batch.images.device) for node in graph.graph.nodes))
        return graph.forward

    # A function of its own, for a tracer keeps what it found with the function, and gives up on one
    # that it has found many ways through.
    own = FunctionType(forward.__code__.replace(), forward.__globals__)
    with as_found(model):
        model.train()
        chance = random.getstate()
        try:
            kept = _what_layers_keep(model)
            traced = torch.compile(own, backend=inspect, fullgraph=True, dynamic=False)
            for _ in range(2):  # what Python counts is traced anew the second time
                traced(model, batch, label_smoothing)
            is_the_same = chance == random.getstate() and _same(kept, _what_layers_keep(model))
        except RuntimeError:  # the tracer's: what stopped it, or that it is switched off
            return False
    return is_the_same and followed == [True]  # none where the tracer is switched off


def is_known(model: nn.Module) -> bool:
    """Return whether a network is made of such layers alone as are known to do the same every time.

    Then it need not be traced, which takes longer.

    >>> is_known(nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)))
    True
    """
    tensors = itertools.chain(model.parameters(), model.buffers())
    return {type(one) for one in tensors} <= {nn.Parameter, Tensor} and all(
        type(layer).__module__.startswith(ROOMS)
        and getattr(type(layer).forward, "__module__", "").startswith(ROOMS)
        and "forward" not in vars(layer)
        for layer in model.modules()
    )


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


def _is_fixed(node: torch.fx.Node, device: torch.device) -> bool:
    """Return whether a step on the way has a fixed shape and stays on the device."""
    if node.target is torch.tensor:  # numbers of Python's, which are copied to the device
        return False
    for value in pytree.tree_leaves(node.meta.get("example_value")):
        if isinstance(value, torch.SymInt | torch.SymFloat | torch.SymBool):
            return False
        if isinstance(value, Tensor):
            sides = all(isinstance(side, int) for side in value.shape)
            if not sides or value.device != device:
                return False
    return True


def _what_layers_keep(model: nn.Module) -> list[dict[str, Any]]:
    """Return every layer's attributes, and what is in those that hold things."""
    kept = []
    for layer in model.modules():
        own = dict(vars(layer))
        within = {
            f"{name}: {place}": leaf
            for name, held in own.items()
            for place, leaf in enumerate(pytree.tree_leaves(held))
        }
        sizes = {f"{name}: size": len(held) for name, held in own.items() if _holds(held)}
        kept.append(own | within | sizes)
    return kept


def _holds(value: object) -> bool:
    return isinstance(value, list | dict | set)


def _same(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> bool:
    """Return whether these are the same things; numbers are when they are equal."""
    return len(before) == len(after) and all(
        old.keys() == new.keys()
        and all(
            new[name] is value or (isinstance(value, int | float) and new[name] == value)
            for name, value in old.items()
        )
        for old, new in zip(before, after, strict=True)
    )
