"""Samplings: values that choose the training pictures of an epoch, and their order.

An epoch always has as many pictures as the training set, so steps and rates stay what they are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cifarkit.annotations import Mismatch
from cifarkit.values import Value

if TYPE_CHECKING:  # recipes name samplings, and are listed without torch
    from torch import Generator, Tensor

__all__ = ["Balanced", "Sampling", "Shuffled"]


@dataclass(frozen=True)
class Sampling(Value, ABC):
    """Base of all samplings. To add one, write a frozen dataclass with a `__call__`.

    >>> import torch
    >>> @dataclass(frozen=True)
    ... class Twice(Sampling):
    ...     def __call__(self, labels, generator):
    ...         half = torch.randperm(len(labels), generator=generator)[::2]
    ...         return half.repeat(2)[: len(labels)]
    >>> Twice()(torch.tensor([0, 1, 1, 0]), torch.Generator()).unique().numel()
    2
    """

    in_place_of_code = (
        "ck.Shuffled() or ck.Balanced(); for your own write a frozen dataclass over ck.Sampling, "
        "whose __call__ gives the indices of an epoch"
    )

    @classmethod
    def taken_from(cls, found: Any) -> Value | None:
        """Return the sampling that a class, or its name, stands for; `Shuffled()` for None.

        Raises:
            Mismatch: it is a torch sampler, which knows only one data set, or a function.
        """
        if found is None and issubclass(Shuffled, cls):
            return Shuffled()
        kind = found if isinstance(found, type) else type(found)
        if kind.__module__.startswith("torch.utils.data"):
            way = "ck.Balanced()" if kind.__name__.startswith("Weighted") else "ck.Shuffled()"
            raise Mismatch(f"{way}, which finds the training set by itself")
        return super().taken_from(found)

    @abstractmethod
    def __call__(self, labels: Tensor, generator: Generator) -> Tensor:
        """Return the pictures of one epoch, in their order.

        Args:
            labels: the labels of all training pictures, int64 `n`, on the CPU; do not change them.
            generator: a CPU generator, the source of all randomness, keyed by seed and epoch. The
                global generators of torch, NumPy and Python are seeded by the same key.

        Returns:
            Indices into the training set, int64 `n`; an index may come several times.
        """


@dataclass(frozen=True)
class Shuffled(Sampling):
    """Show every picture once an epoch, in a random order.

    >>> import torch
    >>> Shuffled()(torch.zeros(5), torch.Generator()).sort().values
    tensor([0, 1, 2, 3, 4])
    """

    def __call__(self, labels: Tensor, generator: Generator) -> Tensor:
        """Return a random order."""
        import torch

        return torch.randperm(len(labels), generator=generator)


@dataclass(frozen=True)
class Balanced(Sampling):
    """Show every class as often as any other, in a random order.

    Each picture of a rare class comes several times in an epoch. Only some pictures of a frequent
    class come, and different ones in each epoch. The counts of two classes differ by at most one,
    and the counts of two pictures of one class too. Averaged over epochs this is
    `torch.utils.data.WeightedRandomSampler` with weights `1 / count`, but the counts are not left
    to chance. A class without pictures in train is left out. Buda et al. 2018, "A systematic study
    of the class imbalance problem in convolutional neural networks".

    `CrossEntropy(class_weights="balanced")` has the same aim by other means: every picture comes
    once, and a picture of a rare class makes a larger step. Here all pictures count the same, batch
    norm sees all classes equally often, and a picture that comes again is augmented differently.
    But pictures that are left out of an epoch teach nothing in it, and rare pictures are sooner
    learnt by heart. Use one of the two, not both.

    >>> import torch
    >>> labels = torch.tensor([0, 0, 0, 0, 0, 1])
    >>> labels[Balanced()(labels, torch.Generator())].bincount()
    tensor([3, 3])
    """

    def __call__(self, labels: Tensor, generator: Generator) -> Tensor:
        """Return an order with equal counts of all classes."""
        import torch

        present = labels.unique().tolist()
        quotas = torch.full((len(present),), len(labels) // len(present))
        first = torch.randperm(len(present), generator=generator)[: len(labels) % len(present)]
        quotas[first] += 1  # the remainder
        pictures = torch.cat(
            [
                _drawn((labels == label).nonzero()[:, 0], quota, generator)
                for label, quota in zip(present, quotas.tolist(), strict=True)
            ]
        )
        return pictures[torch.randperm(len(pictures), generator=generator)]


def _drawn(pictures: Tensor, count: int, generator: Generator) -> Tensor:
    """Draw `count` pictures, so that their counts differ by at most one."""
    import torch

    whole, rest = divmod(count, len(pictures))
    some = torch.randperm(len(pictures), generator=generator)[:rest]
    return torch.cat([pictures.repeat(whole), pictures[some]])
