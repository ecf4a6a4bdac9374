"""The variant that is checked, with pictures and seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cifarkit.models.conformance.global_state import settings_kept
from cifarkit.models.contract import check_logits, input_like, layout_of
from cifarkit.models.layout import choose_layout
from cifarkit.models.variant import Variant
from cifarkit.randomness import generator_for, seeded
from cifarkit.recipes.optimizers import Adam

__all__ = [
    "CLASSES",
    "Subject",
    "build_optimizer",
    "differing_tensors",
    "pictures",
    "take_steps",
]

CLASSES = 10


@dataclass
class Subject:
    """A variant whose networks are checked.

    Args:
        variant: it is built many times.
    """

    variant: Variant

    def construct(self, seed: int = 0, num_classes: int = CLASSES) -> nn.Module:
        """Return a network from the builder, without any check."""
        with settings_kept(), seeded("weights", seed):
            return self.variant.construct(num_classes=num_classes)

    def build(self, seed: int = 0) -> nn.Module:
        """Return a network as training begins with it: without lazy layers, in its layout."""
        with settings_kept(), seeded("weights", seed):
            model = self.variant.construct(num_classes=CLASSES)
            check_logits(model, CLASSES, "the network")
            choose_layout(model)
        return model

    @cached_property
    def networks(self) -> tuple[nn.Module, ...]:
        """Two new networks and a trained one.

        The trained one is needed because a last layer that begins at zero hides many faults.
        """
        trained = self.build(seed=2)
        with suppress(Exception):  # another check reports an error in training
            take_steps(trained, build_optimizer(trained), range(5))
        if not all(weight.isfinite().all() for weight in trained.parameters()):
            trained = self.build(seed=2)
        return self.build(seed=0), self.build(seed=1), trained


def pictures(model: nn.Module, n: int = CLASSES) -> Tensor:
    """Return `n 3 32 32` in [-1, 1], each with its own brightness and contrast.

    Pure noise would not show a network that averages over its batch: all averages are the same.
    """
    device, dtype = input_like(model)
    with torch.device("cpu"):  # the device of the generator, not torch's default
        noise = torch.rand(n, 3, 32, 32, generator=generator_for("pictures")) * 2 - 1
        contrast = torch.linspace(0.2, 0.5, n).view(n, 1, 1, 1)
        brightness = torch.linspace(-0.5, 0.5, n).view(n, 1, 1, 1)
    images = (noise * contrast + brightness).to(device, dtype)
    return images.contiguous(memory_format=layout_of(model))


def build_optimizer(model: nn.Module, lr: float = 1e-3) -> torch.optim.Optimizer:
    """Make Adam for the trainable weights."""
    return Adam(lr=lr).build([weight for weight in model.parameters() if weight.requires_grad])


def take_steps(
    model: nn.Module, optimizer: torch.optim.Optimizer, steps: Iterable[int]
) -> list[float]:
    """Train on one batch, a picture of each class, and return the loss before each step.

    The random numbers of a step, such as dropout's, depend only on the number of the step.
    """
    images = pictures(model)
    labels = torch.arange(CLASSES, device=images.device)
    model.train()
    losses = []
    for step in steps:
        with seeded("step", step):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images).float(), labels)
            loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def differing_tensors(state: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the names of the tensors that differ, by a bit or more, between two states."""
    return [
        name
        for name, tensor in state.items()
        if isinstance(tensor, Tensor)  # a module's extra state may be anything
        and not torch.equal(_without_nan(tensor), _without_nan(other[name]))
    ]


def _without_nan(tensor: Tensor) -> Tensor:
    return (torch.view_as_real(tensor) if tensor.is_complex() else tensor).nan_to_num()
