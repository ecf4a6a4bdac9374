"""Optimisers as values: what to step with, before there are weights to step.

torch's own are asked to be fused: one pass over all weights in place of many, on every device that
cifarkit knows.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from cifarkit.annotations import Range
from cifarkit.values import Value

if TYPE_CHECKING:  # recipes are listed without torch
    import torch
    from torch.nn import Parameter

__all__ = ["SGD", "Adam", "AdamW", "Muon", "Optimizer"]

Rate = Annotated[float, Range(0, 1_000, open="(")]
Share = Annotated[float, Range(0, 1, open=")")]
Decay = Annotated[float, Range(0, 100)]
Epsilon = Annotated[float, Range(0, 1, open="(")]


@dataclass(frozen=True)
class Optimizer(Value, ABC):
    """Base of all optimisers. To add one, write a frozen dataclass with a `build`.

    Args:
        lr: the learning rate that schedules start from.

    Attributes:
        recordable: whether a step can be captured in a CUDA graph: all its state is in tensors on
            the device, and `lr` may be one too (torch calls that `capturable`). It is not
            inherited; set it in a class of your own only when you know it.

    >>> import torch
    >>> @dataclass(frozen=True)
    ... class Adagrad(Optimizer):
    ...     lr_decay: float = 0.0
    ...     def build(self, parameters):
    ...         return torch.optim.Adagrad(parameters, lr=self.lr, lr_decay=self.lr_decay)
    >>> Adagrad(lr=0.01)
    Adagrad(lr=0.01, lr_decay=0.0)
    """

    recordable: ClassVar[bool] = False

    lr: Rate = 1e-3

    @abstractmethod
    def build(self, parameters: Iterable[Parameter]) -> torch.optim.Optimizer:
        """Make the torch optimiser for these parameters."""


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: Kingma and Ba 2015, algorithm 1.

    Args:
        lr: the learning rate.
        betas: how much of the running mean and of the running square each step keeps.
        eps: added to the denominator.
        weight_decay: L2 penalty, added to the gradient.

    >>> Adam(lr=-1)
    Traceback (most recent call last):
    ...
    cifarkit.errors.RecipeError: Adam cannot be made of these values:
      lr=-1: allowed is a number, 0 < value <= 1000
    """

    recordable: ClassVar[bool] = True

    betas: tuple[Share, Share] = (0.9, 0.999)
    eps: Epsilon = 1e-8
    weight_decay: Decay = 0.0

    def build(self, parameters: Iterable[Parameter]) -> torch.optim.Optimizer:
        """Make `torch.optim.Adam`."""
        import torch

        weights = list(parameters)
        return torch.optim.Adam(weights, **dataclasses.asdict(self), fused=_can_fuse(weights))


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with weight decay apart from the gradient: Loshchilov and Hutter 2019, algorithm 2.

    Args:
        lr: the learning rate.
        betas: how much of the running mean and of the running square each step keeps.
        eps: added to the denominator.
        weight_decay: the share of each weight, times the rate, that a step takes away.

    >>> AdamW().weight_decay, Adam().weight_decay
    (0.01, 0.0)
    """

    recordable: ClassVar[bool] = True

    weight_decay: Decay = 0.01

    def build(self, parameters: Iterable[Parameter]) -> torch.optim.Optimizer:
        """Make `torch.optim.AdamW`."""
        import torch

        weights = list(parameters)
        return torch.optim.AdamW(weights, **dataclasses.asdict(self), fused=_can_fuse(weights))


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent with momentum: Sutskever et al. 2013, section 2.

    Args:
        lr: the learning rate.
        momentum: how much of the last step each step keeps.
        nesterov: look ahead along the momentum (needs momentum above 0).
        weight_decay: L2 penalty, added to the gradient.

    >>> SGD(momentum=0.8)
    SGD(lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.0005)
    """

    recordable: ClassVar[bool] = True

    lr: Rate = 0.1
    momentum: Share = 0.9
    nesterov: bool = True
    weight_decay: Decay = 5e-4

    def build(self, parameters: Iterable[Parameter]) -> torch.optim.Optimizer:
        """Make `torch.optim.SGD`."""
        import torch

        settings = dataclasses.asdict(self)
        settings["nesterov"] &= self.momentum > 0  # torch refuses it without momentum
        weights = list(parameters)
        return torch.optim.SGD(weights, **settings, fused=_can_fuse(weights))


@dataclass(frozen=True)
class Muon(Optimizer):
    """Momentum whose every step on a filter is made orthogonal: Jordan et al. 2024.

    https://kellerjordan.github.io/posts/muon/; as in airbench94_muon
    (https://github.com/KellerJordan/cifar10-airbench), filters, which are the weights of four
    dimensions, are also held at a constant length, and everything else steps by stochastic
    gradient descent with Nesterov's momentum; airbench's weight decay on that is left out.

    Args:
        lr: the learning rate of the filters; before it, most singular values of a step are about 1.
        momentum: how much of the last step each step on a filter keeps.
        matrix_lr: the learning rate of weights of two dimensions, such as the last layer's.
        bias_lr: the learning rate of all others.
        sgd_momentum: how much of the last step these two keep.

    >>> Muon().lr
    0.24
    """

    recordable: ClassVar[bool] = True

    lr: Rate = 0.24
    momentum: Share = 0.6
    matrix_lr: Rate = 0.02
    bias_lr: Rate = 1.0
    sgd_momentum: Share = 0.85

    def build(self, parameters: Iterable[Parameter]) -> torch.optim.Optimizer:
        """Make the optimiser, with a group of weights for each of the three rates."""
        from cifarkit.recipes.orthogonal_momentum import OrthogonalMomentum

        weights = list(parameters)
        filters = {"lr": self.lr, "momentum": self.momentum, "orthogonal": True}
        matrices = {"lr": self.matrix_lr, "momentum": self.sgd_momentum, "orthogonal": False}
        others = matrices | {"lr": self.bias_lr}
        chosen = [filters if w.ndim == 4 else matrices if w.ndim == 2 else others for w in weights]
        groups = [
            {"params": [w for w, kind in zip(weights, chosen, strict=True) if kind is group]}
            | group
            for group in (filters, matrices, others)
        ]
        return OrthogonalMomentum([group for group in groups if group["params"]])


def _can_fuse(weights: list[Parameter]) -> bool:
    """Return whether torch has fused steps for these weights: for complex ones it has none."""
    return all(weight.is_floating_point() for weight in weights)
