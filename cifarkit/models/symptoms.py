"""Find faults of a network that runs without an error: symptoms, with cause and remedy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cifarkit.models.contract import check_answer, input_like
from cifarkit.models.gradients import gradients_of
from cifarkit.models.visits import uncompiled
from cifarkit.modes import in_evaluation
from cifarkit.randomness import seeded

__all__ = [
    "are_probabilities",
    "as_found",
    "bounds_of",
    "ignores",
    "listed",
    "symptoms",
]

LARGEST_FIRST_LOSS = 12.0  # times ln(classes); tests/models/test_symptoms.py has what was measured
FIRST_STEP = 1e-3  # Adam's first step on every weight, for any size of its gradient
LARGE = 1e3  # weights of a last layer that drive a sigmoid or tanh to its bounds


def symptoms(model: nn.Module, images: Tensor, targets: Tensor) -> list[str]:
    """Return the symptoms of a new network, each with its cause and remedy.

    The network's modes, weights, gradients and buffers, and the global generators, are left as they
    were. A small first loss is not a symptom: the weights may come from an earlier training.

    Args:
        model: a network before its first step.
        images: float32 `batch 3 32 32` in [-1, 1].
        targets: int64 `batch`, the labels.

    Returns:
        A sentence or two for each symptom; an empty list for a network that has none.

    Raises:
        ModelContractError: it gives no logits, or cannot be trained; see `gradients_of`.

    >>> images, labels = torch.rand(10, 3, 32, 32) * 2 - 1, torch.arange(10)
    >>> layers = nn.Flatten(), nn.Linear(3072, 10)
    >>> symptoms(nn.Sequential(*layers), images, labels)
    []
    >>> symptoms(nn.Sequential(*layers, nn.Softmax(1)), images, labels)
    ['the network gives probabilities where the loss expects logits: leave out the softmax, \
sigmoid or tanh at the end, because the loss applies softmax itself']
    """
    device, dtype = input_like(model)
    images, targets = images.to(device, dtype), targets.to(device)
    bounds = bounds_of(model, images)
    with as_found(model):
        with torch.no_grad():
            classes = _logits(model, images[:2]).shape[1]
        loss, gradients = gradients_of(model, images, targets)
        # A last layer that begins at zero is not a symptom: after one step its outputs differ.
        is_blind = ignores(model, images)
        _take_first_step(model, gradients)
        is_blind = is_blind and ignores(model, images)
    findings = []
    if bounds:
        findings.append(
            f"the network gives {bounds} where the loss expects logits: leave out the softmax, "
            "sigmoid or tanh at the end, because the loss applies softmax itself"
        )
    fair = math.log(classes)
    if not loss <= max(LARGEST_FIRST_LOSS * fair, 1.0):
        findings.append(
            f"the first loss is {loss:.3g}, and a network that guesses has ln(classes) = {fair:.3g}"
            ". The first weights are too large, or the pictures are not in [-1, 1]; normalise "
            "between the layers, or start from smaller weights"
        )
    if unreached := [name for name, gradient in gradients.items() if gradient is None]:
        findings.append(
            f"no gradient reaches {listed(unreached)}: use it in forward and detach nothing on the "
            "way, or freeze it with requires_grad_(False)"
        )
    if is_blind and not bool((images == images[:1]).all()):
        findings.append(
            "every picture gets the same logits: forward does not use the pictures, or the units "
            "on the way are dead; check what each layer gives"
        )
    return findings


def are_probabilities(outputs: Tensor) -> bool:
    """Return whether every row is a probability distribution.

    >>> logits = torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    >>> are_probabilities(logits), are_probabilities(logits.softmax(1))
    (False, True)
    """
    sums = outputs.float().sum(1)
    return bool((outputs >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-2)


def bounds_of(model: nn.Module, images: Tensor) -> str:
    """Return the bounds that a network's outputs keep even with large weights in its last layer.

    Outputs that lie in [0, 1] by chance, or that end in a ReLU, are not evidence of a sigmoid.
    Logarithms of probabilities are accepted: they give the same loss as the logits.

    Args:
        model: the network; it is left as it was.
        images: `batch 3 height width` in [-1, 1], in the network's type.

    Returns:
        What the outputs are, in words; an empty text for logits.

    >>> layers = nn.Flatten(), nn.Linear(3072, 10)
    >>> images = torch.rand(5, 3, 32, 32)
    >>> bounds_of(nn.Sequential(*layers, nn.Sigmoid()), images)
    'numbers between 0 and 1, as after a sigmoid,'
    >>> bounds_of(nn.Sequential(*layers, nn.ReLU()), images)
    ''
    """
    with uncompiled(), torch.no_grad():
        last = _last_weights(model, images)
        for training in (False, True):
            with as_found(model):
                model.train(training)
                with seeded("bounds"):
                    usual = _logits(model, images).clone()  # an output may be a view of a weight
                for weight in last:
                    nn.init.normal_(weight, std=LARGE)
                with seeded("bounds"):
                    extreme = _logits(model, images).clone()
            if bounds := _bounds(usual, extreme):
                return bounds
    return ""


def _bounds(usual: Tensor, extreme: Tensor) -> str:
    if are_probabilities(usual) and are_probabilities(extreme):
        return "probabilities"
    largest = float(extreme.abs().max())
    if not 0.5 < largest <= 1 or not float(usual.abs().max()) <= 1:
        return ""
    if bool((usual >= 0).all() and (extreme >= 0).all()):
        return "numbers between 0 and 1, as after a sigmoid,"
    # A cosine lies in [-1, 1] too, but not at its ends.
    if float((extreme.abs() > 0.99).float().mean()) > 0.5:
        return "numbers between -1 and 1, as after a tanh,"
    return ""


def _last_weights(model: nn.Module, images: Tensor) -> list[nn.Parameter]:
    """Return the weights of the layer called last, or, in a scripted network, defined last."""
    holders = [module for module in model.modules() if list(module.parameters(recurse=False))]
    called: list[nn.Module] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, _: called.append(module))
        for module in holders
        if not isinstance(module, torch.jit.ScriptModule)
    ]
    try:
        with as_found(model):
            model(images[:2])
    finally:
        for hook in hooks:
            hook.remove()
    last = (called or holders)[-1:]
    return [weight for module in last for weight in module.parameters(recurse=False)]


def ignores(model: nn.Module, images: Tensor) -> bool:
    """Return whether different pictures get the same logits in training mode, up to rounding.

    Evaluation mode would mislead: before training, batch norm's running statistics come from no
    picture, and make the outputs of deep networks nearly equal.

    Args:
        model: the network; it is left in training mode.
        images: `batch 3 height width`, in the network's type; each is compared with the one before
            it.

    >>> images = torch.rand(5, 3, 32, 32)
    >>> ignores(nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)), images)
    False
    """
    logits = []
    model.train()
    for batch in (images, images.roll(1, 0)):
        with seeded("shown"), torch.no_grad():  # the same units are dropped both times
            logits.append(_logits(model, batch).double())
    first, second = logits
    # Within one kernel, rows of the same numbers differ by some units in the last digit of float32.
    return bool((first - second).abs().max() <= 1e-6 * (first.abs().max() + 1e-6))


def listed(names: Iterable[str]) -> str:
    """Return the first few names as a text.

    >>> listed("abcdefg")
    'a, b, c, d and 3 more'
    """
    names = list(names)
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def _logits(model: nn.Module, images: Tensor) -> Tensor:
    """Return a network's logits, or raise an error that says what it gives in their place."""
    logits: Tensor = model(images)
    who = f"in {'training' if model.training else 'evaluation'} mode the network"
    check_answer(logits, len(images), None, who, in_training=model.training)
    return logits


def _take_first_step(model: nn.Module, gradients: dict[str, Tensor | None]) -> None:
    """Change the weights as Adam's first step does."""
    weights = dict(model.named_parameters())
    with torch.no_grad():
        for name, gradient in gradients.items():
            if gradient is not None:
                weights[name].sub_(FIRST_STEP * gradient.sgn())


@contextmanager
def as_found(model: nn.Module) -> Iterator[None]:
    """Restore everything in a network after a block in which it is trained."""
    homes = [(module, dict(module._buffers)) for module in model.modules()]
    tensors = [*itertools.chain(model.parameters(), model.buffers())]
    values = [tensor.detach().clone() for tensor in tensors]
    gradients = [(weight, weight.grad) for weight in model.parameters()]
    try:
        with in_evaluation(model):
            yield
    finally:
        for module, buffers in homes:
            for name, buffer in buffers.items():
                module._buffers[name] = buffer  # some are replaced, not written into
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                if not torch.equal(tensor, value):  # an expanded tensor cannot be written into
                    tensor.copy_(value)
        for weight, gradient in gradients:
            weight.grad = gradient
