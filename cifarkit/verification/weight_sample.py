"""A sample of a network's weights, by which a copy of a run is known under another seed.

Two seeds draw unrelated weights, and training does not bring them together, because hidden units
have no order. The cosine of two trained networks is near 0 after one epoch and after many. That of
a network and its copy with noise is 1/√(1 + s²), where s is the noise as a share of the weights.
On CIFAR-10 (JPEG-75 copy), the cosines of the four layers of `baseline` are 0.01 to 0.08 for two
seeds after 10 epochs, and those of the two layers of `mlp` are -0.01 to 0.04 for three. The logits
do not tell a copy so well: those of the same `mlp` runs correlate by 0.80 to 0.84, and those of a
copy with s = 1 by 0.84.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cifarkit.randomness import seeded
from cifarkit.runs.run import Run

__all__ = ["WeightSample", "sample_weights"]

NUMBERS = 1_000  # of each tensor; the cosine of unrelated samples is then 0 ± 0.03
ALIKE = 0.5  # a copy whose noise is as large as its weights has 0.7
FEWEST = 2  # tensors; one alone is a linear classifier, for which all seeds reach the same weights


@dataclass(frozen=True, eq=False)
class WeightSample:
    """Some weights of each matrix or filter bank in a network.

    Args:
        shapes: the shapes of all tensors with two dimensions or more, in the network's order.
        numbers: the sample of each of these tensors, if another seed begins with other weights.
    """

    shapes: tuple[tuple[int, ...], ...]
    numbers: tuple[Tensor | None, ...]

    def is_like(self, other: WeightSample) -> bool:
        """Return whether most tensors are so similar that two seeds cannot have drawn them."""
        if self.shapes != other.shapes:
            return False
        cosines = [
            _cosine(ours, theirs)
            for ours, theirs in zip(self.numbers, other.numbers, strict=True)
            if ours is not None and theirs is not None
        ]
        return len(cosines) >= FEWEST and statistics.median_low(cosines) > ALIKE


def sample_weights(run: Run) -> WeightSample | None:
    """Sample the weights that the seed of a run has drawn; None if they are not known to be these.

    The variant is built with two seeds. Where both begin alike, as pretrained layers do, the
    weights say nothing about the seed. Weights that a callback has put in say nothing, either.
    """
    if run.variant is None or any("weights" in line for line in run.facts.changed_by_callbacks):
        return None
    first, second = (_begun(run, run.seed + more) for more in (0, 1))
    trained = _matrices(run.model)
    if not len(trained) == len(first) == len(second):
        return None
    numbers = tuple(
        _some(tensor) if bool(one.any()) and _cosine(_some(one), _some(other)) < ALIKE else None
        for tensor, one, other in zip(trained, first, second, strict=True)
    )
    return WeightSample(tuple(tuple(tensor.shape) for tensor in trained), numbers)


def _begun(run: Run, seed: int) -> list[Tensor]:
    if run.variant is None:
        return []
    with seeded("weights", seed):
        return _matrices(run.variant.build(num_classes=len(run.classes)))


def _matrices(network: nn.Module) -> list[Tensor]:
    return [tensor.detach() for tensor in network.parameters() if tensor.ndim > 1]


def _cosine(ours: Tensor, theirs: Tensor) -> float:
    return float(F.cosine_similarity(ours, theirs, dim=0))


def _some(tensor: Tensor) -> Tensor:
    numbers = tensor.reshape(-1)
    chosen = torch.linspace(0, len(numbers) - 1, min(NUMBERS, len(numbers))).long()
    return numbers[chosen.to(numbers.device)].float().cpu()
