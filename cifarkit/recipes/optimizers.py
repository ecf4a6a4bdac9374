"""Optimisers as values, which are made before there are weights.

torch's own are fused: one pass over all weights in place of many, on every device that cifarkit
knows.
"""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from cifarkit.annotations import Mismatch, Range
from cifarkit.values import Value, written

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
            inherited; set it in your own class only when you know it.

    A recipe also takes torch's classes where there is a counterpart, with their settings.

    >>> import torch
    >>> Optimizer.taken_from(partial(torch.optim.Adam, lr=0.01)).lr
    0.01
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

    @classmethod
    def taken_from(cls, found: Any) -> Value | None:
        """Return the value of a torch class, alone or in a `functools.partial`.

        Raises:
            Mismatch: cifarkit has no such optimiser, or it is bound to weights already.
        """
        if (value := super().taken_from(found)) is not None:
            return value
        kind, settings = found, {}
        if isinstance(found, partial) and not found.args:
            kind, settings = found.func, found.keywords
        elif not isinstance(found, type):
            kind, settings = type(found), getattr(found, "defaults", {})
        if not isinstance(kind, type) or not any(
            (base.__module__, base.__name__) == ("torch.optim.optimizer", "Optimizer")
            for base in kind.__mro__
        ):
            return None
        return _counterpart(kind, settings, is_bound=kind is type(found))

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
    """Adam with weight decay outside the gradient: Loshchilov and Hutter 2019, algorithm 2.

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
    """Stochastic gradient descent, with momentum as in Sutskever et al. 2013, section 2.

    It does what torch's does, with the same default settings: no momentum and no decay.

    Args:
        lr: the learning rate.
        momentum: how much of the last step each step keeps.
        nesterov: look ahead along the momentum (needs momentum above 0).
        weight_decay: L2 penalty, added to the gradient.

    >>> SGD(lr=0.1, momentum=0.9)
    SGD(lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)
    """

    recordable: ClassVar[bool] = True

    momentum: Share = 0.0
    nesterov: bool = False
    weight_decay: Decay = 0.0

    def build(self, parameters: Iterable[Parameter]) -> torch.optim.Optimizer:
        """Make `torch.optim.SGD`."""
        import torch

        settings = dataclasses.asdict(self)
        settings["nesterov"] &= self.momentum > 0  # torch refuses it without momentum
        weights = list(parameters)
        optimizer = torch.optim.SGD(weights, **settings, fused=_can_fuse(weights))
        if self.momentum > 0:  # torch's fused step takes no weight whose first gradient comes later
            for weight in weights:
                optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        return optimizer


@dataclass(frozen=True)
class Muon(Optimizer):
    """Momentum whose every step on a filter is made orthogonal: Jordan et al. 2024.

    See https://kellerjordan.github.io/posts/muon/. Filters are the weights of four dimensions. As
    in airbench94_muon (https://github.com/KellerJordan/cifar10-airbench), they also keep a constant
    length, and all other weights step by stochastic gradient descent with Nesterov's momentum.
    airbench's weight decay on these is left out.

    Args:
        lr: the learning rate of the filters; most singular values of a step are about 1 before it.
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
    """Return whether torch has fused steps for these weights: it has none for complex ones."""
    return all(weight.is_floating_point() for weight in weights)


def _counterpart(kind: type, settings: Mapping[str, Any], *, is_bound: bool) -> Optimizer:
    """Return the value that means the same as a torch optimiser.

    Raises:
        Mismatch: there is none, or the torch optimiser has weights already.
    """
    defaults = {name: given.default for name, given in inspect.signature(kind).parameters.items()}
    if is_bound:  # torch lists more than the user gave
        settings = {name: value for name, value in settings.items() if name in defaults}
    chosen = {
        name: value
        for name, value in settings.items()
        if value != defaults.get(name, ...) and name not in ("fused", "foreach")
    }
    counterparts: dict[str, type[Optimizer]] = {"SGD": SGD, "Adam": Adam, "AdamW": AdamW}
    target = counterparts.get(kind.__name__)
    known = {field.name for field in dataclasses.fields(target)} if target is not None else set()
    if (
        target is None
        or not kind.__module__.startswith("torch.")
        or (chosen.keys() & defaults.keys()) - known
    ):
        given = ", ".join(["parameters", *(f"{name}={value!r}" for name, value in chosen.items())])
        raise Mismatch(
            "your own ck.Optimizer, a frozen dataclass whose build(self, parameters) returns "
            f"{kind.__name__}({given})"
        )
    if is_bound:
        raise Mismatch(
            f"{written(target(**chosen))}, which gets its weights when training starts; this has "
            "those of a network already"
        )
    return target(**chosen)
