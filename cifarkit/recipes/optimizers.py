"""Optimisers as values: settings, without weights.

torch's fused versions are used where they exist: one pass over all weights in place of many.
"""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from cifarkit.annotations import Mismatch, Range
from cifarkit.errors import RecipeError, UnknownFieldError
from cifarkit.guidance import way_for
from cifarkit.recipes.torch_classes import (
    GivenOptimizer,
    TorchClass,
    given_optimizer,
    hint_like,
    settings_of,
)
from cifarkit.values import Value, coerced_fields, written

if TYPE_CHECKING:  # recipes are listed without torch
    import torch
    from torch.nn import Parameter

__all__ = [
    "Adagrad",
    "Adam",
    "AdamW",
    "Muon",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "SGD",
    "TorchOptimizer",
]

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
            inherited. Set it in your own class only if you know that it holds.

    A recipe also takes torch's classes with their settings. They become the counterpart here, or
    else a `TorchOptimizer`.

    >>> import torch
    >>> from functools import partial
    >>> Optimizer.taken_from(partial(torch.optim.Adam, lr=0.01)).lr
    0.01
    >>> @dataclass(frozen=True)
    ... class HeavyBall(Optimizer):
    ...     mass: float = 0.9
    ...     def build(self, parameters):
    ...         return torch.optim.SGD(parameters, lr=self.lr, momentum=self.mass)
    >>> HeavyBall(lr=0.01)
    HeavyBall(lr=0.01, mass=0.9)
    """

    recordable: ClassVar[bool] = False

    lr: Rate = 1e-3

    @classmethod
    def taken_from(cls, found: Any) -> Value | None:
        """Return the value for a torch class, a `functools.partial` of one, or the name of one.

        Raises:
            Mismatch: it is not one of torch's, the loop cannot use it, or it has weights already.
        """
        if (value := super().taken_from(found)) is not None:
            return value
        given = given_optimizer(found)
        return None if given is None else _counterpart(given)

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
class RMSprop(Optimizer):
    """Divide each gradient by the root of the running mean of its square.

    Tieleman and Hinton 2012, lecture 6e of "Neural Networks for Machine Learning"; with `centered`,
    Graves 2013, equations 38 to 41 (https://arxiv.org/abs/1308.0850), which put `eps` inside the
    root.

    Args:
        lr: the learning rate.
        alpha: how much of the running mean of squares each step keeps.
        eps: added to the denominator.
        weight_decay: L2 penalty, added to the gradient.
        momentum: how much of the last step each step keeps.
        centered: divide by the standard deviation of the gradient instead.

    >>> RMSprop(lr=0.001)
    RMSprop(lr=0.001, alpha=0.99, eps=1e-08, weight_decay=0.0, momentum=0.0, centered=False)
    """

    recordable: ClassVar[bool] = True

    lr: Rate = 0.01
    alpha: Share = 0.99
    eps: Epsilon = 1e-8
    weight_decay: Decay = 0.0
    momentum: Share = 0.0
    centered: bool = False

    def build(self, parameters: Iterable[Parameter]) -> torch.optim.Optimizer:
        """Make `torch.optim.RMSprop`, which has no fused steps."""
        import torch

        return torch.optim.RMSprop(parameters, **dataclasses.asdict(self))


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Divide each gradient by the root of the sum of its squares: Duchi et al. 2011, figure 1.

    The sum only grows, so steps become shorter by themselves.

    Args:
        lr: the learning rate.
        lr_decay: what is added, each step, to the number that the rate is divided by.
        weight_decay: L2 penalty, added to the gradient.
        initial_accumulator_value: what the sum of squares begins with.
        eps: added to the denominator.

    >>> Adagrad().lr
    0.01
    """

    lr: Rate = 0.01
    lr_decay: Decay = 0.0
    weight_decay: Decay = 0.0
    initial_accumulator_value: Decay = 0.0
    eps: Epsilon = 1e-10

    def build(self, parameters: Iterable[Parameter]) -> torch.optim.Optimizer:
        """Make `torch.optim.Adagrad`."""
        import torch

        weights = list(parameters)
        is_on_cpu = all(weight.device.type == "cpu" for weight in weights)
        fused = _can_fuse(weights) and is_on_cpu  # older versions of torch have no other
        return torch.optim.Adagrad(weights, **dataclasses.asdict(self), fused=fused or None)


@dataclass(frozen=True)
class NAdam(Optimizer):
    """Adam with Nesterov's momentum: Dozat 2016, algorithm 2.

    Args:
        lr: the learning rate.
        betas: how much of the running mean and of the running square each step keeps.
        eps: added to the denominator.
        weight_decay: L2 penalty, added to the gradient.
        momentum_decay: how fast the first beta, which starts at about half its value, approaches
            it.
        decoupled_weight_decay: decay the weights outside the gradient, as `AdamW` does.

    >>> NAdam().lr
    0.002
    """

    recordable: ClassVar[bool] = True

    lr: Rate = 0.002
    betas: tuple[Share, Share] = (0.9, 0.999)
    eps: Epsilon = 1e-8
    weight_decay: Decay = 0.0
    momentum_decay: Decay = 0.004
    decoupled_weight_decay: bool = False

    def build(self, parameters: Iterable[Parameter]) -> torch.optim.Optimizer:
        """Make `torch.optim.NAdam`, which has no fused steps."""
        import torch

        return torch.optim.NAdam(parameters, **dataclasses.asdict(self))


@dataclass(frozen=True)
class Muon(Optimizer):
    """Momentum with orthogonal steps on filters: Jordan et al. 2024.

    See https://kellerjordan.github.io/posts/muon/. Filters are the weights with four dimensions. As
    in airbench94_muon (https://github.com/KellerJordan/cifar10-airbench), filters also keep a
    constant length. All other weights are trained by stochastic gradient descent with Nesterov's
    momentum, without airbench's weight decay.

    Args:
        lr: the learning rate of the filters; most singular values of a step are about 1 before it
            is multiplied by the rate.
        momentum: how much of the last step each step on a filter keeps.
        matrix_lr: the learning rate of weights with two dimensions, such as the last layer's.
        bias_lr: the learning rate of all other weights.
        sgd_momentum: how much of the last step each step of stochastic gradient descent keeps.

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


@dataclass(frozen=True, init=False, repr=False)
class TorchOptimizer(Optimizer):
    """Any optimiser of `torch.optim`, with torch's own settings and defaults.

    It computes as torch does by default; its steps can be captured in a CUDA graph if torch's
    class takes `capturable`. If cifarkit has a counterpart, such as `Adam`, the counterpart is
    faster.

    Args:
        torch_class: a class of `torch.optim`, or its name; `LBFGS`, `SparseAdam` and `Muon` are
            refused, since the loop cannot train a network with them.
        settings: the arguments of the class besides the weights, including `lr`.

    Attributes:
        torch_class: the name of the class.
        settings: the names and values of the settings that are not torch's default, without `lr`.

    Raises:
        RecipeError: it is not a class of `torch.optim`, or it refuses the settings.
        UnknownFieldError: the class takes no setting of that name.

    >>> import torch
    >>> TorchOptimizer(torch.optim.RAdam, lr=0.01)
    TorchOptimizer(torch.optim.RAdam, lr=0.01)
    >>> TorchOptimizer(torch.optim.RAdam, bets=(0.8, 0.9))
    Traceback (most recent call last):
    ...
    cifarkit.errors.UnknownFieldError: torch.optim.RAdam takes no bets=: did you mean betas=(0.9,
    0.999)?
    """

    lr: Rate = dataclasses.field()  # without the base's default: torch's classes have their own
    torch_class: str
    settings: tuple[tuple[str, Any], ...]

    @property
    def recordable(self) -> bool:  # type: ignore[override]
        """Whether torch can capture its steps."""
        kind: type = TorchClass.taken_from(self.torch_class)
        is_one_by_one = dict(self.settings).get("foreach") is False  # it reads the rate back
        return "capturable" in inspect.signature(kind).parameters and not is_one_by_one

    def __init__(self, torch_class: Any, **settings: Any) -> None:
        owner, hint = type(self).__name__, {"torch_class": TorchClass}
        kind = coerced_fields(owner, {"torch_class": torch_class}, hint)["torch_class"]
        defaults = settings_of(kind)
        if unknown := [name for name in settings if name not in defaults]:
            name = f"torch.optim.{kind.__name__}"
            ways = [
                f"{name} takes no {one}=: {way_for(name, one, settings[one], defaults)}"
                for one in unknown
            ]
            raise UnknownFieldError("\n  ".join(ways))
        hints = {name: hint_like(default) for name, default in defaults.items()} | {"lr": Rate}
        fields = coerced_fields(owner, {"lr": defaults["lr"], **settings}, hints)
        object.__setattr__(self, "lr", fields.pop("lr"))
        object.__setattr__(self, "torch_class", kind.__name__)
        chosen = ((name, fields[name]) for name in defaults if name in fields)
        object.__setattr__(
            self, "settings", tuple(one for one in chosen if one[1] != defaults[one[0]])
        )
        self._try_out()

    def _try_out(self) -> None:
        """Refuse settings that torch refuses, as soon as the value is made."""
        import torch

        try:
            self.build([torch.nn.Parameter(torch.zeros(1))])
        except Exception as error:
            raise RecipeError(f"{self!r} cannot be made; torch says: {error}") from error

    def build(self, parameters: Iterable[Parameter]) -> torch.optim.Optimizer:
        """Make the optimiser as torch does by default."""
        kind: Any = TorchClass.taken_from(self.torch_class)
        optimizer: torch.optim.Optimizer = kind(parameters, lr=self.lr, **dict(self.settings))
        return optimizer

    def __repr__(self) -> str:
        return self._call({name: repr(value) for name, value in self._arguments().items()})

    def _arguments(self) -> dict[str, Any]:
        return {"torch_class": self.torch_class, "lr": self.lr, **dict(self.settings)}

    def _call(self, texts: Mapping[str, str]) -> str:
        settings = [f"{name}={text}" for name, text in texts.items() if name != "torch_class"]
        return f"{type(self).__name__}({', '.join([f'torch.optim.{self.torch_class}', *settings])})"

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed.

        Raises:
            RecipeError: torch's class takes no such setting, or not this value.
        """
        return type(self)(**{**self._arguments(), **changes})

    def differs_from(self, other: Value) -> dict[str, tuple[Any, Any]]:
        """Return the settings that differ from another value's: `{name: (theirs, ours)}`.

        Raises:
            RecipeError: the other is of another kind.
        """
        if not isinstance(other, TorchOptimizer):
            return super().differs_from(other)
        theirs, ours = (
            {**settings_of(TorchClass.taken_from(one.torch_class)), **one._arguments()}
            for one in (other, self)
        )
        return {
            name: (theirs.get(name), ours.get(name))
            for name in {**theirs, **ours}
            if theirs.get(name) != ours.get(name)
        }


COUNTERPARTS: dict[str, type[Optimizer]] = {
    kind.__name__: kind for kind in (Adagrad, Adam, AdamW, NAdam, RMSprop, SGD)
}


def _can_fuse(weights: list[Parameter]) -> bool:
    """Return whether torch has fused steps for these weights; it has none for complex weights."""
    return all(weight.is_floating_point() for weight in weights)


def _counterpart(given: GivenOptimizer) -> Optimizer:
    """Return the value that means the same as a torch optimiser.

    Raises:
        Mismatch: it is not one of torch's, the loop cannot use it, or it has weights already.
    """
    kind, chosen = given.kind, given.chosen
    if not kind.__module__.startswith("torch."):
        texts = ", ".join(["parameters", *(f"{name}={value!r}" for name, value in chosen.items())])
        raise Mismatch(
            "your own ck.Optimizer, a frozen dataclass whose build(self, parameters) returns "
            f"{kind.__name__}({texts})"
        )
    TorchClass.taken_from(kind)  # raises if the loop cannot use it
    ours = COUNTERPARTS.get(kind.__name__)
    known = {field.name for field in dataclasses.fields(ours)} if ours is not None else set()
    if ours is not None and not (chosen.keys() & settings_of(kind).keys()) - known:
        value: Optimizer = ours(**chosen)
    else:
        value = TorchOptimizer(kind, **chosen)
    if given.is_bound:
        raise Mismatch(
            f"{written(value)}, which gets its weights when training starts; this optimiser "
            "already has the weights of a network"
        )
    return value
