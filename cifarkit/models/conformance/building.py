"""Checks of a builder: it gives fresh networks, for any number of classes, without side effects."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from cifarkit.errors import ModelContractError
from cifarkit.models.builders import check_builder
from cifarkit.models.conformance.global_state import changes_of
from cifarkit.models.conformance.subject import CLASSES, Subject, differing_tensors
from cifarkit.models.contract import check_logits
from cifarkit.models.symptoms import listed

__all__ = [
    "check_builds",
    "check_freshness",
    "check_global_state",
    "check_num_classes",
    "check_seed",
]


def check_builds(subject: Subject) -> str:
    """Check that the builder gives a network."""
    variant = subject.variant
    check_builder(variant.name, variant.builder, variant.options)
    model = subject.construct()
    return f"the builder gives a network: {type(model).__name__}"


def check_num_classes(subject: Subject) -> str:
    """Check the number of logits for several numbers of classes."""
    for number in (2, 100):  # another check has 10 classes
        model = subject.construct(num_classes=number)
        check_logits(model, number, f"the network for num_classes={number}")
    return "there is one logit for each of 2, 10 and 100 classes"


def check_freshness(subject: Subject) -> str:
    """Check that two networks share nothing."""
    first, second, _ = subject.networks
    if first is second:
        raise ModelContractError("two calls of the builder give the same network")
    theirs = {id(module) for module in second.modules()}
    named = first.named_modules()
    layers = [name for name, layer in named if id(layer) in theirs and _holds(layer)]
    if layers:
        raise ModelContractError(f"two calls of the builder share layers: {listed(layers)}")
    memory = {_address(tensor) for _, tensor in _tensors(second)}
    tensors = [
        name for name, tensor in _tensors(first) if tensor.numel() and _address(tensor) in memory
    ]
    if tensors:
        raise ModelContractError(f"two calls of the builder share weights: {listed(tensors)}")
    return "two calls give two networks that share nothing"


def check_seed(subject: Subject) -> str:
    """Check that one seed gives the same first weights twice."""
    again = subject.build(seed=0), subject.networks[0]
    first, second = (dict(_tensors(network)) for network in again)
    if differing := differing_tensors(first, second):
        raise ModelContractError(
            f"two networks of one seed begin with different weights: {listed(differing)}"
        )
    return "one seed gives the same weights twice"


def check_global_state(subject: Subject) -> str:
    """Check that building changes neither torch's settings nor the generators."""
    changes = changes_of(lambda: subject.variant.construct(num_classes=CLASSES))
    if changes:
        raise ModelContractError(f"building {'; '.join(changes)}")
    return "building leaves torch's settings alone and reseeds no generator"


def _holds(layer: nn.Module) -> bool:
    """Return whether a layer has weights or a mode that matters; an activation may be shared."""
    return isinstance(layer, _DropoutNd) or any(True for _ in _tensors(layer))


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return itertools.chain(model.named_parameters(), model.named_buffers())


def _address(tensor: Tensor) -> tuple[torch.device, int]:
    return tensor.device, tensor.untyped_storage().data_ptr()
