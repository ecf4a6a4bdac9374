"""Mixes: values that mix the pictures of a training batch, and their labels with them.

A mix gets the batch after all augmentations, and gives the loss shares of classes in place of
labels. The train accuracy then takes the class with the largest share as the label.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cifarkit.annotations import Range
from cifarkit.values import Value

if TYPE_CHECKING:  # recipes name mixes, and are listed without torch
    from torch import Generator, Tensor

__all__ = ["CutMix", "Mix", "Mixup"]

Alpha = Annotated[float, Range(0, 100, open="(")]


@dataclass(frozen=True)
class Mix(Value, ABC):
    """Base of all mixes. To add one, write a frozen dataclass with a `__call__`.

    >>> import torch
    >>> @dataclass(frozen=True)
    ... class Halves(Mix):
    ...     def __call__(self, images, targets, generator):
    ...         return (images + images.flip(0)) / 2, (targets + targets.flip(0)) / 2
    >>> Halves()(torch.zeros(2, 3, 32, 32), torch.eye(2), torch.Generator())[1]
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    """

    in_place_of_code = (
        "ck.Mixup() or ck.CutMix(); for your own write a frozen dataclass over ck.Mix, whose "
        "__call__ gives images and shares of classes"
    )

    @classmethod
    def taken_from(cls, found: Any) -> Value | None:
        """Return the mix that a torchvision mix, a class of mixes, or its name stands for.

        Raises:
            Mismatch: it is a function, or another torchvision transform.
        """
        named: dict[str, type[Mixup | CutMix]] = {"MixUp": Mixup, "CutMix": CutMix}
        kind = type(found)
        if kind.__module__.startswith("torchvision.transforms") and kind.__name__ in named:
            return named[kind.__name__](found.alpha)
        return super().taken_from(found)

    @abstractmethod
    def __call__(
        self, images: Tensor, targets: Tensor, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """Return a mixed batch.

        Args:
            images: float32 `batch 3 side side` in [-1, 1], not changed in place.
            targets: float32 `batch classes` shares that sum to 1: 1 for the label.
            generator: a CPU generator, the source of all randomness, keyed by seed, epoch and step.
                The global generators of torch, NumPy and Python are seeded by the same key.

        Returns:
            Images and shares of the same shapes and types.
        """


@dataclass(frozen=True)
class Mixup(Mix):
    """Lay each picture over another of its batch: Zhang et al. 2018, section 2.

    The share of the first is drawn from Beta(alpha, alpha) once a batch, and the labels get the
    same shares.

    Args:
        alpha: how evenly to mix; small values leave most batches almost unchanged.

    >>> import torch
    >>> images = torch.ones(2, 3, 32, 32) * torch.tensor([-1.0, 1.0])[:, None, None, None]
    >>> mixed, shares = Mixup(alpha=1.0)(images, torch.eye(2), torch.Generator())
    >>> torch.allclose(mixed[0, 0, 0, 0], shares[0, 1] - shares[0, 0])
    True
    """

    alpha: Alpha = 0.2

    def __call__(
        self, images: Tensor, targets: Tensor, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """Mix each picture of the batch with another."""
        share = _drawn_share(self.alpha, generator)
        order = _partners(images, generator)
        return images.lerp(images[order], 1 - share), targets.lerp(targets[order], 1 - share)


@dataclass(frozen=True)
class CutMix(Mix):
    """Paste a rectangle of another picture of the batch into each: Yun et al. 2019, section 3.1.

    The rectangle has the shape of the picture, and lies at the same place in the whole batch. A
    share is drawn from Beta(alpha, alpha), and the rectangle covers the rest of the picture, less
    what crosses the border. The labels get the shares of the pixels.

    Args:
        alpha: how evenly to mix; with 1, as in the paper, all shares are equally likely.

    >>> import torch
    >>> images = torch.ones(2, 3, 32, 32) * torch.tensor([0.0, 1.0])[:, None, None, None]
    >>> mixed, shares = CutMix()(images, torch.eye(2), torch.Generator())
    >>> torch.equal(mixed.mean((1, 2, 3)), shares[:, 1])
    True
    """

    alpha: Alpha = 1.0

    def __call__(
        self, images: Tensor, targets: Tensor, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """Paste a rectangle of another picture into each picture."""
        import torch

        side = images.shape[-1]
        half = int(math.sqrt(1 - _drawn_share(self.alpha, generator)) * side / 2)
        order = _partners(images, generator)
        centres = torch.randint(side, (2,), generator=generator).tolist()
        rows, columns = (slice(max(at - half, 0), min(at + half, side)) for at in centres)
        mixed = images.clone()
        mixed[..., rows, columns] = images[order][..., rows, columns]
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        return mixed, targets.lerp(targets[order], area / side**2)


def _drawn_share(alpha: float, generator: Generator) -> float:
    """Draw from Beta(alpha, alpha): two Gamma(alpha) draws make one."""
    import torch

    one, other = torch._standard_gamma(torch.full((2,), alpha), generator=generator).tolist()
    return one / (one + other) if one + other > 0 else 1.0


def _partners(images: Tensor, generator: Generator) -> Tensor:
    """Draw a partner in the batch for each picture, int64 `batch`."""
    import torch

    from cifarkit.data.transfer import to_device

    return to_device(torch.randperm(len(images), generator=generator), images.device)
