from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import cifarkit as ck

BY_HAND: list[tuple[ck.Optimizer, type[torch.optim.Optimizer], dict[str, Any]]] = [
    (ck.Adam(), torch.optim.Adam, {}),
    (
        ck.Adam(lr=0.01, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.1),
        torch.optim.Adam,
        {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-6, "weight_decay": 0.1},
    ),
    (ck.AdamW(), torch.optim.AdamW, {"lr": 1e-3, "weight_decay": 0.01}),
    (
        ck.AdamW(lr=0.02, betas=(0.0, 0.5), eps=1e-3, weight_decay=0.2),
        torch.optim.AdamW,
        {"lr": 0.02, "betas": (0.0, 0.5), "eps": 1e-3, "weight_decay": 0.2},
    ),
    (ck.SGD(), torch.optim.SGD, {}),
    (ck.SGD(lr=0.1), torch.optim.SGD, {"lr": 0.1}),
    (
        ck.SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
    ),
    (
        ck.SGD(lr=0.05, momentum=0.5, nesterov=False, weight_decay=0.0),
        torch.optim.SGD,
        {"lr": 0.05, "momentum": 0.5},
    ),
    (ck.SGD(lr=0.05, momentum=0.0, weight_decay=0.0), torch.optim.SGD, {"lr": 0.05}),
]


def trained(make: Any) -> list[Tensor]:
    """Return the weights after five steps on fixed numbers."""
    with ck.seeded("optimizers", 0):
        layers = nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.Unflatten(1, (1, 2, 2))
        model = nn.Sequential(*layers, nn.Conv2d(1, 3, 2), nn.Flatten())
        inputs, labels = torch.randn(8, 6), torch.randint(3, (8,))
    optimizer = make(model.parameters())
    for _ in range(5):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    return [weight.detach() for weight in model.parameters()]


@pytest.mark.parametrize(("value", "kind", "options"), BY_HAND)
def test_steps_are_those_of_torchs_optimizer_to_the_bit(
    value: ck.Optimizer, kind: Any, options: dict[str, Any]
) -> None:
    ours = trained(value.build)
    by_hand = trained(lambda weights: kind(weights, **options, fused=True))
    assert all(torch.equal(one, two) for one, two in zip(ours, by_hand, strict=True))
    unfused = trained(lambda weights: kind(weights, **options))
    for one, two in zip(ours, unfused, strict=True):
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize(
    ("value", "field", "changed"),
    [
        (ck.Adam(), "lr", 0.002),
        (ck.Adam(), "betas", (0.5, 0.999)),
        (ck.Adam(), "betas", (0.9, 0.5)),
        (ck.Adam(), "eps", 0.1),
        (ck.Adam(), "weight_decay", 0.1),
        (ck.AdamW(), "weight_decay", 0.5),
        (ck.AdamW(), "eps", 0.1),
        (ck.SGD(), "lr", 0.2),
        (ck.SGD(), "momentum", 0.1),
        (ck.SGD(momentum=0.9, nesterov=True), "nesterov", False),
        (ck.SGD(), "weight_decay", 0.1),
        (ck.Muon(), "lr", 0.1),
        (ck.Muon(), "momentum", 0.5),
        (ck.Muon(), "matrix_lr", 0.03),
        (ck.Muon(), "bias_lr", 0.5),
        (ck.Muon(), "sgd_momentum", 0.5),
    ],
)
def test_every_field_reaches_the_steps(value: ck.Optimizer, field: str, changed: Any) -> None:
    before, after = trained(value.build), trained(value.replace(**{field: changed}).build)
    assert not all(torch.equal(one, two) for one, two in zip(before, after, strict=True))


def test_building_twice_gives_two_optimizers_without_memory() -> None:
    weights = [nn.Parameter(torch.ones(2))]
    one, two = ck.Adam().build(weights), ck.Adam().build(weights)
    assert one is not two
    weights[0].sum().backward()
    one.step()
    assert one.state
    assert not two.state


def test_adam_and_adamw_are_two_things() -> None:
    assert ck.AdamW(weight_decay=0.0) != ck.Adam()
    recipe = ck.Recipe(optimizer=ck.AdamW(weight_decay=0.0))
    assert list(recipe.differs_from(ck.Recipe())) == ["optimizer"]


def test_an_optimizer_that_builds_none_is_said_before_the_first_step(tiny: ck.Splits) -> None:
    @dataclass(frozen=True)
    class Forgets(ck.Optimizer):
        def build(self, parameters: Iterable[nn.Parameter]) -> Any:
            torch.optim.SGD(parameters, lr=self.lr)

    with pytest.raises(ck.RecipeError, match=r"must return a torch.optim.Optimizer; it returned N"):
        ck.train("linear", tiny, optimizer=Forgets())


def test_an_optimizer_must_say_how_it_is_built() -> None:
    with pytest.raises(TypeError, match="abstract"):
        ck.Optimizer()  # type: ignore[abstract]


@pytest.mark.parametrize("betas", [(0.9,), (0.9, 1.0), (-0.1, 0.9), 0.9, ("0.9", 0.9)])
def test_wrong_betas_are_refused(betas: Any) -> None:
    with pytest.raises(ck.RecipeError, match="betas="):
        ck.Adam(betas=betas)
