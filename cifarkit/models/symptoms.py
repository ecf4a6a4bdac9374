"""What goes wrong in a network that runs without an error: symptoms, with cause and cure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cifarkit.models.contract import in_evaluation, input_like

__all__ = ["all_alike", "are_probabilities", "as_found", "gradients_of", "listed", "symptoms"]

PASSES = 10  # a layer that is left out by chance comes up in one of so many
LARGEST_FIRST_LOSS = 3.0  # times ln(classes); tests/models/test_symptoms.py has what was measured
FIRST_STEP = 1e-3  # Adam's first step on every weight, whatever the size of its gradient


def symptoms(model: nn.Module, images: Tensor, targets: Tensor) -> list[str]:
    """Look for what a new network suffers from, and say how to cure it.

    The network is left as it was: modes, weights, gradients, buffers, the global generators too.
    A first loss that is small is no symptom: the weights may come from an earlier training.

    Args:
        model: a network before its first step.
        images: float32 `batch 3 32 32` in [-1, 1].
        targets: int64 `batch`, the labels.

    Returns:
        A sentence or two for each symptom; an empty list for a network that has none.

    >>> images, labels = torch.rand(10, 3, 32, 32) * 2 - 1, torch.arange(10)
    >>> layers = nn.Flatten(), nn.Linear(3072, 10)
    >>> symptoms(nn.Sequential(*layers), images, labels)
    []
    >>> symptoms(nn.Sequential(*layers, nn.Softmax(1)), images, labels)
    ['the network gives probabilities where the loss expects logits: leave out the softmax at the \
end, for the loss applies its own']
    """
    device, dtype = input_like(model)
    images, targets = images.to(device, dtype), targets.to(device)
    with as_found(model):
        loss, gradients = gradients_of(model, images, targets)
        answers = _before_and_after_a_step(model, images, gradients)
    found = []
    if all(map(are_probabilities, answers)):
        found.append(
            "the network gives probabilities where the loss expects logits: leave out the softmax "
            "at the end, for the loss applies its own"
        )
    fair = math.log(answers[0].shape[1])
    if not loss <= max(LARGEST_FIRST_LOSS * fair, 1.0):
        found.append(
            f"the first loss is {loss:.3g}, and that of a network which guesses is ln(classes) = "
            f"{fair:.3g}: the first weights are too large, or the pictures are not in [-1, 1]; "
            "normalise between the layers, or start from smaller weights"
        )
    if unreached := [name for name, gradient in gradients.items() if gradient is None]:
        found.append(
            f"no gradient reaches {listed(unreached)}: use it in forward and detach nothing on the "
            "way, or freeze it with requires_grad_(False)"
        )
    if all(map(all_alike, answers)) and not bool((images == images[:1]).all()):
        found.append(
            "every picture gets the same logits: forward does not use the pictures, or the units "
            "on the way are dead; look at what each layer gives"
        )
    return found


def gradients_of(
    model: nn.Module, images: Tensor, targets: Tensor
) -> tuple[float, dict[str, Tensor | None]]:
    """Return the first loss in training mode, and the gradient of each trainable weight.

    They add up over several passes, where one does not reach every weight. The gradients that
    the network holds are replaced.

    Args:
        model: the network; it is left in training mode.
        images: `batch 3 height width`.
        targets: int64 `batch`, the labels.
    """
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    model.train()
    model.zero_grad()
    first = math.nan
    for number in range(PASSES):
        with torch.enable_grad():
            loss = F.cross_entropy(model(images).float(), targets)
        if number == 0:
            first = loss.item()
        if loss.requires_grad:  # not where forward runs under no_grad
            loss.backward()
        if all(weight.grad is not None for weight in weights.values()):
            break
    return first, {name: weight.grad for name, weight in weights.items()}


def are_probabilities(answer: Tensor) -> bool:
    """Tell whether every row is a distribution.

    >>> logits = torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    >>> are_probabilities(logits), are_probabilities(logits.softmax(1))
    (False, True)
    """
    sums = answer.float().sum(1)
    return bool((answer >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-2)


def all_alike(answer: Tensor) -> bool:
    """Tell whether all rows are the same, but for the rounding of sums.

    >>> all_alike(torch.ones(3, 2)), all_alike(torch.eye(2))
    (True, False)
    """
    answer = answer.double()
    # Within one kernel, rows of the same numbers differ by some units in the last place of float32.
    return bool((answer - answer[:1]).abs().max() <= 1e-6 * (answer.abs().max() + 1e-6))


def listed(names: Iterable[str]) -> str:
    """Name the first few.

    >>> listed("abcdefg")
    'a, b, c, d and 3 more'
    """
    names = list(names)
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def _before_and_after_a_step(
    model: nn.Module, images: Tensor, gradients: dict[str, Tensor | None]
) -> list[Tensor]:
    """Return `batch classes` as the weights are, and as Adam's first step makes them.

    A last layer that begins at zero is no symptom: after one step its answers differ.
    """
    weights = dict(model.named_parameters())
    model.eval()
    with torch.no_grad():
        before = model(images).clone()  # an answer may be a view of a weight
        for name, gradient in gradients.items():
            if gradient is not None:
                weights[name].sub_(FIRST_STEP * gradient.sgn())
        return [before, model(images).clone()]


@contextmanager
def as_found(model: nn.Module) -> Iterator[None]:
    """Put everything in a network back after a block in which it is trained."""
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
                if not torch.equal(tensor, value):  # an expanded one cannot be written into
                    tensor.copy_(value)
        for weight, gradient in gradients:
            weight.grad = gradient
