"""Checks of a network in training: it learns, and everything that it has learnt can be saved."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from cifarkit.errors import ModelContractError
from cifarkit.models.conformance.subject import (
    CLASSES,
    Subject,
    build_optimizer,
    differing_tensors,
    pictures,
    take_steps,
)
from cifarkit.models.dependence import unregistered
from cifarkit.models.gradients import check_trainable, gradients_of
from cifarkit.models.state import check_state as check_saved
from cifarkit.models.symptoms import listed
from cifarkit.randomness import seeded

__all__ = ["check_gradients", "check_learning", "check_resuming", "check_state"]

STEPS = 20
RATES = (1e-3, 1e-2, 1e-4)  # the first suits most networks; with one of them the loss must fall
CLEAR = 1e-4  # in nats: natural logarithms


def check_gradients(subject: Subject) -> str:
    """Check that a finite gradient reaches each trainable weight."""
    model = subject.build()
    check_trainable(model, "the network")
    images = pictures(model)
    labels = torch.arange(CLASSES, device=images.device)
    with seeded("gradients"):
        _, gradients = gradients_of(model, images, labels)
    if missing := [name for name, gradient in gradients.items() if gradient is None]:
        raise ModelContractError(f"no gradient reaches {listed(missing)}")
    wild = [name for name, grad in gradients.items() if grad is not None and not _finite(grad)]
    if wild:
        raise ModelContractError(f"the gradient of {listed(wild)} is NaN or infinite")
    return f"a finite gradient reaches all {len(gradients)} trainable parameters"


def check_learning(subject: Subject) -> str:
    """Check that training on one batch, with the same dropout in each step, lowers the loss."""
    for rate in RATES:
        model = subject.build()
        optimizer, losses = build_optimizer(model, rate), []
        for number in range(STEPS + 1):
            losses += take_steps(model, optimizer, [0])
            if losses[-1] < losses[0] - CLEAR:
                return (
                    f"the loss on one batch falls from {losses[0]:.3f} to {losses[-1]:.3f}, at "
                    f"Adam's step {number}"
                )
    raise ModelContractError(
        f"{STEPS} steps of Adam on one batch do not make the loss smaller at any of the rates "
        f"{', '.join(map(str, RATES))}: it was {losses[0]:.3f} and became {losses[-1]:.3f}"
    )


def check_state(subject: Subject) -> str:
    """Check that a new network with a trained network's state gives the same logits."""
    trained, fresh = subject.build(seed=3), subject.build(seed=4)
    check_saved(trained, "the network")
    if names := list(unregistered(trained)):
        raise ModelContractError(f"torch does not see the layers and weights in {listed(names)}")
    take_steps(trained, build_optimizer(trained), range(3))
    fresh.load_state_dict(copy.deepcopy(trained.state_dict()))
    outputs = []
    for model in (trained, fresh):
        with torch.no_grad(), seeded("answer"):
            outputs.append(model.eval()(pictures(model)))
    logits, loaded = outputs
    if not torch.equal(logits, loaded):
        raise ModelContractError(
            "a new network with the state_dict of a trained one gives different logits, by "
            f"{float((logits - loaded).abs().max()):.2g}"
        )
    return "a new network with the state_dict of a trained one gives the same bits"


def check_resuming(subject: Subject) -> str:
    """Resume training in a new network, and compare it with a network that did not stop."""
    steady, fresh = subject.build(seed=5), subject.build(seed=6)
    optimizer, resumed = build_optimizer(steady), build_optimizer(fresh)
    take_steps(steady, optimizer, range(3))
    fresh.load_state_dict(copy.deepcopy(steady.state_dict()))
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    take_steps(steady, optimizer, range(3, 6))
    take_steps(fresh, resumed, range(3, 6))
    if differing := differing_tensors(steady.state_dict(), fresh.state_dict()):
        raise ModelContractError(
            f"training that was stopped and resumed ends with different {listed(differing)}"
        )
    return "training that was stopped and resumed ends with the same bits"


def _finite(gradient: Tensor) -> bool:
    return bool(gradient.isfinite().all())
