"""Find what logits depend on besides the picture and `state_dict`: saving a run loses it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from cifarkit.models.contract import input_like, layout_of, logits_of
from cifarkit.models.state import restore_state
from cifarkit.models.symptoms import as_found, listed
from cifarkit.models.visits import uncompiled
from cifarkit.randomness import seeded

__all__ = ["compare_rebuilt", "dependences", "unregistered"]

FEW, PAIR = 4, 2  # pictures; a single picture would be too few for batch norm
TOLERANCE = 1e-5  # of the largest logit: some kernels add in a different order each time
OTHER_KERNEL = 1e-2  # the same, for another memory layout of the weights, or a smaller batch


def dependences(model: nn.Module, images: Tensor) -> list[str]:
    """Return what logits depend on besides picture and `state_dict`, and what to write instead.

    The modes, weights and buffers of the network are left as they were.

    Args:
        model: a network before its first step.
        images: float32 `batch 3 32 32` in [-1, 1].

    Returns:
        A sentence for each finding; an empty list for a network that has none.

    >>> images = torch.rand(4, 3, 32, 32) * 2 - 1
    >>> model = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(3072, 10))
    >>> dependences(model, images)
    []
    >>> model.forward = lambda images: model[2](nn.functional.dropout(images.flatten(1)))
    >>> dependences(model, images)
    ['two passes in evaluation mode give different logits, so no evaluation can be repeated: use \
nn.Dropout, or F.dropout(…, training=self.training)']
    """
    findings = []
    if names := list(unregistered(model)):
        findings.append(
            f"torch does not see the layers and weights in {listed(names)}, and neither trains nor "
            "saves them: write nn.ModuleList, nn.ModuleDict or nn.ParameterList"
        )
    with as_found(model), uncompiled():
        first = _logits(model, images, draw=0)
        if _differ(first, _logits(model, images, draw=1)):
            findings.append(
                "two passes in evaluation mode give different logits, so no evaluation can be "
                "repeated: use nn.Dropout, or F.dropout(…, training=self.training)"
            )
        elif grown := _grown(model, images):
            findings.append(
                f"a pass in training changes the names or shapes in state_dict ({listed(grown)}), "
                "so its run cannot be loaded or resumed: register buffers in __init__, at their "
                "full size"
            )
        elif _changes(model, images, first):
            findings.append(
                "training changes something outside of state_dict, so its run cannot be loaded or "
                "resumed as it was: use buffers (register_buffer) for numbers, and draw from "
                "torch's global generator"
            )
        elif _differ(first[:PAIR], _logits(model, images[:PAIR]), OTHER_KERNEL):
            findings.append(
                "in evaluation mode a picture's logits depend on the others in its batch: compute "
                "no statistic over the batch in that mode"
            )
    return findings


def compare_rebuilt(model: nn.Module, rebuilt: nn.Module, images: Tensor) -> list[str]:
    """Put a network's state into another from the same builder, and compare their logits.

    Args:
        model: the network.
        rebuilt: another from the same builder, with other first weights.
        images: float32 `batch 3 32 32` in [-1, 1].

    Returns:
        A sentence, or an empty list where they give the same logits.

    >>> layers = nn.Flatten(), nn.Linear(3072, 10)
    >>> other = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    >>> compare_rebuilt(nn.Sequential(*layers), other, torch.rand(4, 3, 32, 32))
    []
    """
    if rebuilt is model:
        return [
            "its builder gives the same network at each call, so each run continues with the "
            "weights of the run before: make the network inside the builder"
        ]
    rebuilt.to(input_like(model)[0])
    restore_state(rebuilt, model.state_dict())
    with as_found(model), uncompiled():
        if not _differ(_logits(model, images), _logits(rebuilt, images), OTHER_KERNEL):
            return []
    return [
        "a new network with its state_dict gives different logits, so its run cannot be loaded: "
        "make what it needs an nn.Parameter or register_buffer it, and every layer in __init__"
    ]


def unregistered(model: nn.Module) -> Iterator[str]:
    """Yield the attributes that hold trainable weights which the network does not know.

    >>> model = nn.Sequential(nn.Flatten())
    >>> model.layers = [nn.Linear(3072, 10)]
    >>> list(unregistered(model))
    ['layers']
    """
    known = {id(weight) for weight in model.parameters()}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if any(weight.requires_grad and id(weight) not in known for weight in _weights(value)):
                yield f"{path}.{name}".removeprefix(".")


def _weights(value: Any, depth: int = 3) -> Iterator[nn.Parameter]:
    if isinstance(value, nn.Parameter):
        yield value
    elif isinstance(value, nn.Module):
        yield from value.parameters()
    elif isinstance(value, Mapping | list | tuple | set) and depth:
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _weights(part, depth - 1)


def _grown(model: nn.Module, images: Tensor) -> list[str]:
    """Return the names in `state_dict` whose tensors a pass in training adds, drops or reshapes."""

    def shapes() -> dict[str, torch.Size]:
        return {name: tensor.shape for name, tensor in model.state_dict().items()}

    before = shapes()
    with as_found(model):
        _logits(model, images, training=True)
        after = shapes()
    return [name for name in before | after if before.get(name) != after.get(name)]


def _changes(model: nn.Module, images: Tensor, first: Tensor) -> bool:
    """Return whether passes in training mode change more than what `state_dict` holds."""
    state = copy.deepcopy(model.state_dict())
    learning = _logits(model, images, training=True)
    restore_state(model, state)
    again = _logits(model, images, training=True)
    restore_state(model, state)
    return _differ(learning, again) or _differ(first, _logits(model, images))


def _logits(model: nn.Module, images: Tensor, *, training: bool = False, draw: int = 0) -> Tensor:
    device, dtype = input_like(model)
    few = images[:FEW].to(device, dtype).clone(memory_format=layout_of(model))
    model.train(training)
    with torch.no_grad(), seeded("hidden", draw):
        return logits_of(model, few, in_training=training).clone()


def _differ(logits: Tensor, others: Tensor, tolerance: float = TOLERANCE) -> bool:
    distance = (logits - others).abs().max()
    return bool(distance > tolerance * logits.abs().max())  # other checks report NaN
