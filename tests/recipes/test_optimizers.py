from __future__ import annotations

import copy
import inspect
import json
import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.annotations import all_subclasses
from cifarkit.values import from_json, written

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
    (ck.RMSprop(), torch.optim.RMSprop, {}),
    (
        ck.RMSprop(lr=0.02, alpha=0.8, eps=1e-6, weight_decay=0.1, momentum=0.5, centered=True),
        torch.optim.RMSprop,
        {"lr": 0.02, "alpha": 0.8, "eps": 1e-6, "weight_decay": 0.1, "momentum": 0.5}
        | {"centered": True},
    ),
    (ck.Adagrad(), torch.optim.Adagrad, {}),
    (
        ck.Adagrad(
            lr=0.02, lr_decay=0.1, weight_decay=0.2, initial_accumulator_value=0.3, eps=1e-4
        ),
        torch.optim.Adagrad,
        {"lr": 0.02, "lr_decay": 0.1, "weight_decay": 0.2, "initial_accumulator_value": 0.3}
        | {"eps": 1e-4},
    ),
    (ck.NAdam(), torch.optim.NAdam, {}),
    (
        ck.NAdam(
            lr=0.02,
            betas=(0.8, 0.9),
            eps=1e-6,
            weight_decay=0.1,
            momentum_decay=0.1,
            decoupled_weight_decay=True,
        ),
        torch.optim.NAdam,
        {"lr": 0.02, "betas": (0.8, 0.9), "eps": 1e-6, "weight_decay": 0.1}
        | {"momentum_decay": 0.1, "decoupled_weight_decay": True},
    ),
]
FUSED = (torch.optim.Adagrad, torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)
# All that torch has for dense gradients and one pass a step; its Muon takes matrices alone.
TORCHS = [
    kind
    for kind in vars(torch.optim).values()
    if isinstance(kind, type)
    and issubclass(kind, torch.optim.Optimizer)
    and kind.__name__ not in ("Optimizer", "LBFGS", "SparseAdam", "Muon")
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


def test_every_counterpart_of_torchs_is_compared() -> None:
    built_in = {
        kind for kind in all_subclasses(ck.Optimizer) if kind.__module__.startswith("cifarkit.")
    }
    assert built_in - {ck.Muon, ck.TorchOptimizer} == {type(value) for value, _, _ in BY_HAND}


@pytest.mark.parametrize(("value", "kind", "options"), BY_HAND)
def test_steps_are_those_of_torchs_optimizer_to_the_bit(
    value: ck.Optimizer, kind: Any, options: dict[str, Any]
) -> None:
    ours = trained(value.build)
    fused = {"fused": True} if kind in FUSED else {}
    by_hand = trained(lambda weights: kind(weights, **options, **fused))
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
        (ck.RMSprop(), "lr", 0.02),
        (ck.RMSprop(), "alpha", 0.5),
        (ck.RMSprop(), "eps", 0.1),
        (ck.RMSprop(), "weight_decay", 0.1),
        (ck.RMSprop(), "momentum", 0.5),
        (ck.RMSprop(), "centered", True),
        (ck.Adagrad(), "lr", 0.02),
        (ck.Adagrad(), "lr_decay", 0.1),
        (ck.Adagrad(), "weight_decay", 0.1),
        (ck.Adagrad(), "initial_accumulator_value", 0.1),
        (ck.Adagrad(), "eps", 0.1),
        (ck.NAdam(), "lr", 0.02),
        (ck.NAdam(), "betas", (0.5, 0.999)),
        (ck.NAdam(), "betas", (0.9, 0.5)),
        (ck.NAdam(), "eps", 0.1),
        (ck.NAdam(), "weight_decay", 0.1),
        (ck.NAdam(), "momentum_decay", 0.1),
        (ck.NAdam(weight_decay=0.1), "decoupled_weight_decay", True),
        (ck.TorchOptimizer(torch.optim.RAdam), "lr", 0.02),
        (ck.TorchOptimizer(torch.optim.Adamax), "betas", (0.5, 0.9)),
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


@pytest.mark.parametrize("name", ["Adagrad", "Adam", "AdamW", "NAdam", "RMSprop", "SGD"])
def test_defaults_are_torchs(name: str) -> None:
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    for field, ours in vars(getattr(ck, name)()).items():
        assert ours == theirs[field].default, field


# --- any of torch's


@pytest.mark.parametrize("kind", TORCHS, ids=lambda kind: kind.__name__)
def test_any_optimizer_of_torchs_steps_as_torchs_to_the_bit(kind: Any) -> None:
    for settings in ({}, {"lr": 0.05}):
        ours = trained(ck.TorchOptimizer(kind, **settings).build)
        theirs = trained(lambda weights, settings=settings: kind(weights, **settings))
        assert all(torch.equal(one, two) for one, two in zip(ours, theirs, strict=True))
    other = trained(lambda weights: kind(weights, lr=0.04))
    assert not all(torch.equal(one, two) for one, two in zip(ours, other, strict=True))


@pytest.mark.parametrize("kind", TORCHS, ids=lambda kind: kind.__name__)
def test_any_optimizer_of_torchs_is_a_value(kind: Any) -> None:
    value = ck.TorchOptimizer(kind, lr=0.25, maximize=True)
    assert repr(value) == f"TorchOptimizer(torch.optim.{kind.__name__}, lr=0.25, maximize=True)"
    assert written(value) == f"ck.{value!r}"
    for other in (
        from_json(json.loads(json.dumps(value.to_json()))),
        eval(repr(value), {"torch": torch, **vars(ck)}),
        pickle.loads(pickle.dumps(value)),
        copy.deepcopy(value),
        value.replace(),
        ck.TorchOptimizer(kind.__name__.lower(), maximize=True, lr=0.25),
    ):
        assert other == value
        assert hash(other) == hash(value)
        assert repr(other) == repr(value)
    assert value.replace(maximize=False) == ck.TorchOptimizer(kind, lr=0.25) != value
    with pytest.raises(AttributeError):
        value.lr = 0.1  # type: ignore[misc]


def test_a_setting_that_is_torchs_default_makes_no_difference() -> None:
    plain = ck.TorchOptimizer(torch.optim.RAdam)
    assert plain == ck.TorchOptimizer("RAdam", eps=1e-8, lr=0.001, betas=[0.9, 0.999])
    assert plain.lr == 0.001
    assert ck.TorchOptimizer(torch.optim.Adamax).lr == 0.002
    assert plain.to_json() == {"kind": "TorchOptimizer", "torch_class": "RAdam", "lr": 0.001}


class Own(torch.optim.SGD):
    """Somebody's own, by the name of one of torch's."""


Own.__name__ = "RAdam"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (torch.optim.LBFGS, r"ck\.Adam\(\): LBFGS computes the loss several times"),
        ("lbfgs", "LBFGS computes"),
        (torch.optim.SparseAdam, "SparseAdam takes only sparse gradients"),
        pytest.param(
            *("Muon", r"allowed is ck\.Muon\(\)"),
            marks=pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="new in torch 2.9"),
        ),
        (torch.optim.Optimizer, "a class of torch.optim, such as torch.optim.RAdam"),
        (Own, r"write your own ck\.Optimizer, a frozen dataclass"),
        (ck.Adam, "a class of torch.optim"),
        ("RAdamm", "a class of torch.optim"),
        (torch.optim.lr_scheduler.StepLR, "a class of torch.optim"),
        (None, "a class of torch.optim"),
    ],
)
def test_what_the_loop_cannot_use_is_refused_by_name(kind: Any, text: str) -> None:
    with pytest.raises(ck.RecipeError, match=rf"torch_class=.*{text}"):
        ck.TorchOptimizer(kind)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"bets": (0.8, 0.9)}, r"RAdam takes no bets=: did you mean betas=\(0.9, 0.999\)\?"),
        ({"learning_rate": 0.3}, r"takes no learning_rate=: write lr=0.3"),
        ({"wd": 0.3}, r"takes no wd=: write weight_decay=0.3"),
        ({"capturable": True}, "takes no capturable=: cifarkit chooses the fastest way"),
        ({"zzz": 1}, r"takes no zzz=: it takes lr=, betas=, eps=, weight_decay="),
        ({"betas": (2, 0)}, r"torch says: Invalid beta parameter at index 0"),
        ({"eps": "small"}, r"eps='small': allowed is a number"),
        ({"eps": float("nan")}, r"eps=float\('nan'\): allowed is a number"),
        ({"betas": (0.9,)}, r"betas=\(0.9,\): allowed is a tuple of 2"),
        ({"lr": 0}, r"lr=0: allowed is a number, 0 < value"),
        ({"lr": torch.ones(1)}, r"lr=tensor"),
        ({"maximize": 1}, r"maximize=1: allowed is True or False"),
    ],
)
def test_a_setting_that_torch_does_not_take_is_refused_at_once(
    settings: dict[str, Any], text: str
) -> None:
    with pytest.raises(ck.RecipeError, match=text):
        ck.TorchOptimizer(torch.optim.RAdam, **settings)
    with pytest.raises(ck.RecipeError, match=text):
        ck.TorchOptimizer(torch.optim.RAdam).replace(**settings)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (torch.optim.RMSprop, ck.RMSprop()),
        (partial(torch.optim.RMSprop, centered=True), ck.RMSprop(centered=True)),
        (partial(torch.optim.Adagrad, lr_decay=0.1, fused=True), ck.Adagrad(lr_decay=0.1)),
        (torch.optim.NAdam, ck.NAdam()),
        (torch.optim.RAdam, ck.TorchOptimizer(torch.optim.RAdam)),
        ("radam", ck.TorchOptimizer(torch.optim.RAdam)),
        (
            partial(torch.optim.Adamax, lr=0.1, foreach=False),
            ck.TorchOptimizer(torch.optim.Adamax, lr=0.1),
        ),
        (
            partial(torch.optim.Adam, lr=0.1, amsgrad=True),
            ck.TorchOptimizer(torch.optim.Adam, lr=0.1, amsgrad=True),
        ),
        (
            partial(torch.optim.SGD, momentum=0.9, dampening=0.1),
            ck.TorchOptimizer(torch.optim.SGD, momentum=0.9, dampening=0.1),
        ),
    ],
    ids=str,
)
def test_a_recipe_takes_any_optimizer_of_torchs(given: Any, taken: ck.Optimizer) -> None:
    assert ck.Recipe(optimizer=given).optimizer == taken


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (torch.optim.LBFGS, "LBFGS computes the loss several times"),
        (torch.optim.Muon if hasattr(torch.optim, "Muon") else "lbfgs", "allowed is "),
        (Own, r"your own ck\.Optimizer, .* returns RAdam\(parameters\)"),
        (partial(torch.optim.RAdam, moment=0.9), "torch.optim.RAdam takes no moment="),
        (
            torch.optim.Rprop([nn.Parameter(torch.ones(1))], lr=0.3),
            r"ck\.TorchOptimizer\(torch\.optim\.Rprop, lr=0\.3\), which gets its weights when",
        ),
    ],
)
def test_a_recipe_says_what_to_write_for_the_others(given: Any, text: str) -> None:
    with pytest.raises(ck.RecipeError, match=text):
        ck.Recipe(optimizer=given)
