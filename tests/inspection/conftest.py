"""Small networks and pictures to inspect, and a way to see that a network is left as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck


def build() -> nn.Sequential:
    """Build a network that changes its features in place, with random weights of one seed."""
    with ck.seeded("small network", 0):
        return nn.Sequential(
            *(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True)),
            *(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(inplace=True)),
            *(nn.Dropout(0.5), nn.Flatten(), nn.Linear(16 * 8 * 8, 10)),
        )


@pytest.fixture
def network() -> nn.Sequential:
    return build()


@pytest.fixture
def pictures() -> Tensor:
    """Return 6 pictures of noise, uint8."""
    noise = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8, generator=noise)


@pytest.fixture(scope="session")
def data() -> ck.Splits:
    return ck.load_synthetic(n_train=1100, n_test=80, val_size=20)


@pytest.fixture(scope="session")
def trained(data: ck.Splits) -> ck.Run:
    """Return a run of the small network that has learnt something."""
    return ck.Trainer(ck.Recipe(epochs=6, batch_size=50)).fit(build(), data)


def snapshot(model: nn.Module) -> list[object]:
    """Return all that an inspection could leave behind in a network, or around it."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    facts: list[object] = [torch.get_rng_state().tolist(), torch.is_grad_enabled()]
    for name, module in model.named_modules():
        facts.append((name, module.training, *(list(getattr(module, kind)) for kind in hooks)))
    for name, weight in model.named_parameters():
        grad = None if weight.grad is None else weight.grad.tolist()
        facts.append((name, id(weight), weight.requires_grad, grad))
    return [*facts, *((name, tensor.tolist()) for name, tensor in model.state_dict().items())]


@pytest.fixture
def untouched() -> Callable[[nn.Module], object]:
    """Return a block after which a network must be as it was before, also after an error."""

    @contextmanager
    def block(model: nn.Module) -> Iterator[None]:
        before = snapshot(model)
        try:
            yield
        finally:
            assert snapshot(model) == before

    return block
