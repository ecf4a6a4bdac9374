"""Learning-rate schedules as values: the rate is a pure function of the progress of training.

A schedule has no state, so training can be resumed at any step. A schedule that depends on the val
loss gets the val losses of all epochs before.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from cifarkit.annotations import Mismatch, Range
from cifarkit.errors import RecipeError
from cifarkit.values import Value

__all__ = [
    "Constant",
    "Cosine",
    "Linear",
    "MultiStep",
    "OneCycle",
    "Plateau",
    "Schedule",
    "Step",
]

# What to write in place of torch's schedulers.
TORCHS = {
    "CosineAnnealingLR": "ck.Cosine()",
    "OneCycleLR": "ck.OneCycle(peak={max_lr})",
    "StepLR": "ck.Step(every={step_size}, factor={gamma})",
    "ExponentialLR": "ck.Step(every=1, factor={gamma})",
    "MultiStepLR": "ck.MultiStep(milestones={milestones}, factor={gamma})",
    "LinearLR": "ck.Constant(warmup=5)",
    "ConstantLR": "ck.Constant()",
    "ReduceLROnPlateau": "ck.Plateau(factor={factor}, patience={patience})",
}
# Settings of torch's schedulers, where they are not given.
DEFAULTS = {
    "step_size": 30,
    "gamma": 0.1,
    "max_lr": 0.1,
    "milestones": (30, 40),
    "factor": 0.1,
    "patience": 10,
}
Epochs = Annotated[float, Range(0, 100_000)]
Count = Annotated[int, Range(0, 100_000)]
Share = Annotated[float, Range(0, 1)]
Factor = Annotated[float, Range(0, 1, open="(")]


@dataclass(frozen=True, kw_only=True)
class Schedule(Value, ABC):
    """Base of all schedules. To add one, write a frozen dataclass with a `shape`.

    A schedule that depends on the val loss also has a `share_after`.

    Args:
        warmup: the first epochs, in which the rate grows linearly to where the schedule starts; the
            schedule then fills the rest of training.

    >>> @dataclass(frozen=True)
    ... class Halving(Schedule):
    ...     def shape(self, epoch, epochs, lr):
    ...         return lr * 0.5 ** int(epoch)
    >>> Halving().rate(2.0, epochs=10, lr=0.1)
    0.025
    """

    warmup: Epochs = 0.0

    @classmethod
    def taken_from(cls, found: Any) -> Value | None:
        """Return the constant rate for None; torch's schedulers are recognised by name.

        Raises:
            Mismatch: it is a torch scheduler; the text names the schedule to write.
        """
        if found is None and issubclass(Constant, cls):
            return Constant()
        settings: dict[str, Any] = getattr(found, "keywords", getattr(found, "__dict__", {}))
        kind = getattr(found, "func", found)
        kind = kind if isinstance(kind, type) else type(found)
        if kind.__module__ != "torch.optim.lr_scheduler":
            return super().taken_from(found)
        way = TORCHS.get(kind.__name__, "your own ck.Schedule, with shape(epoch, epochs, lr)")
        told = {name: settings.get(name, default) for name, default in DEFAULTS.items()}
        told["milestones"] = tuple(sorted(Counter(told["milestones"]).elements()))
        way = way.format_map(told)
        raise Mismatch(
            f"{way}, a value that knows the rate of every step; torch's is bound to weights"
        )

    @property
    def needs_val(self) -> bool:
        """Whether rates depend on the val loss.

        >>> Plateau().needs_val, Step().needs_val
        (True, False)
        """
        return type(self).share_after is not Schedule.share_after

    def share_after(self, val_losses: Sequence[float]) -> float:
        """Return the share of its rates that a schedule uses after epochs with these val losses.

        It is 1 for a schedule that does not depend on them.

        Args:
            val_losses: the val losses of all epochs so far, in order.

        >>> Constant().share_after([0.7, 0.9])
        1.0
        """
        return 1.0

    def rate(self, epoch: float, epochs: int, lr: float, val_losses: Sequence[float] = ()) -> float:
        """Return the learning rate at one point of training.

        Args:
            epoch: the point, as a number of epochs from 0, with a fraction.
            epochs: how many epochs the training has in all.
            lr: the optimiser's own rate.
            val_losses: the val losses of the epochs before.

        Raises:
            RecipeError: `shape` does not return a finite number, 0 or more.

        >>> Constant(warmup=1).rate(0.5, epochs=10, lr=0.1)
        0.05
        """
        remaining, share = max(epochs - self.warmup, 0.0), self.share_after(val_losses)
        if epoch < self.warmup:
            return self._checked(self.shape(0.0, remaining, lr), share) * epoch / self.warmup
        return self._checked(self.shape(epoch - self.warmup, remaining, lr), share)

    def _checked(self, rate: Any, share: float) -> float:
        try:  # NumPy's numbers and tensors become floats, for the history
            number = math.nan if isinstance(rate, str | bytes) else float(rate) * share
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not 0 <= number < math.inf:
            times = "" if share == 1 else f" times {share!r}, from share_after()"
            raise RecipeError(
                f"{self!r} gives the learning rate {rate!r}{times}; its shape() must return a "
                "finite number, 0 or more"
            )
        return number

    @abstractmethod
    def shape(self, epoch: float, epochs: float, lr: float) -> float:
        """Return the rate `epoch` epochs after the warm-up, of `epochs` in all.

        `epochs` is 0 if the warm-up takes all of training.
        """


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """Keep the optimiser's rate throughout.

    >>> Constant().rate(7.5, epochs=10, lr=0.1)
    0.1
    """

    def shape(self, epoch: float, epochs: float, lr: float) -> float:
        """Return the optimiser's rate."""
        return lr


@dataclass(frozen=True, kw_only=True)
class Step(Schedule):
    """Multiply the rate by `factor` every `every` epochs.

    Args:
        every: epochs between two drops.
        factor: what each drop multiplies by.

    >>> [round(Step(every=3).rate(epoch, epochs=9, lr=0.1), 6) for epoch in (0, 2.9, 3, 6)]
    [0.1, 0.1, 0.01, 0.001]
    """

    every: Annotated[float, Range(0.001, 100_000)] = 30.0
    factor: Factor = 0.1

    def shape(self, epoch: float, epochs: float, lr: float) -> float:
        """Return the rate after the drops so far."""
        return lr * self.factor ** math.floor(epoch / self.every)


@dataclass(frozen=True, kw_only=True)
class MultiStep(Schedule):
    """Multiply the rate by `factor` at each milestone.

    Args:
        milestones: the epochs at which it drops, counted from the end of the warm-up, in any order.
        factor: what each drop multiplies by.

    >>> schedule = MultiStep(milestones=(6, 8))
    >>> [round(schedule.rate(epoch, epochs=9, lr=0.1), 6) for epoch in (0, 5.9, 6, 8)]
    [0.1, 0.1, 0.01, 0.001]
    """

    milestones: tuple[Epochs, ...] = (30, 40)
    factor: Factor = 0.1

    def shape(self, epoch: float, epochs: float, lr: float) -> float:
        """Return the rate after the drops so far."""
        return lr * self.factor ** sum(epoch >= milestone for milestone in self.milestones)


@dataclass(frozen=True, kw_only=True)
class Plateau(Schedule):
    """Multiply the rate by `factor` when the val loss has not improved for some time.

    It drops where `torch.optim.lr_scheduler.ReduceLROnPlateau` does with `threshold_mode="abs"`. It
    is a function of the val losses so far, so a resumed run has the same rates. It needs a val set,
    and never depends on test.

    Args:
        factor: what each drop multiplies by.
        patience: how many epochs in a row may bring no better loss; the next such epoch is a drop.
        min_delta: a loss counts as better only when it is lower by more than this.
        cooldown: how many epochs after a drop do not count.
        final: the lowest rate, as a share of the optimiser's.

    >>> schedule = Plateau(patience=1)
    >>> losses = [0.9, 0.8, 0.8, 0.8]
    >>> [round(schedule.rate(n, epochs=9, lr=0.1, val_losses=losses[:n]), 6) for n in range(5)]
    [0.1, 0.1, 0.1, 0.1, 0.01]
    """

    factor: Factor = 0.1
    patience: Count = 10
    min_delta: Annotated[float, Range(0, 1e9)] = 0.0
    cooldown: Count = 0
    final: Share = 0.0

    def shape(self, epoch: float, epochs: float, lr: float) -> float:
        """Return the optimiser's rate, from which the drops begin."""
        return lr

    def share_after(self, val_losses: Sequence[float]) -> float:
        """Return the product of the drops so far."""
        best, waited, resting, share = math.inf, 0, 0, 1.0
        for loss in val_losses:
            if is_better := loss < best - self.min_delta:
                best = loss
            waited = 0 if is_better or resting else waited + 1
            resting = max(resting - 1, 0)
            if waited > self.patience:
                share, waited, resting = max(share * self.factor, self.final), 0, self.cooldown
        return share


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Fall from the optimiser's rate along half a cosine: Loshchilov and Hutter 2017, equation 5.

    Args:
        final: the last rate, as a share of the optimiser's rate.

    >>> [round(Cosine().rate(epoch, epochs=10, lr=0.1), 6) for epoch in (0, 5, 10)]
    [0.1, 0.05, 0.0]
    """

    final: Share = 0.0

    def shape(self, epoch: float, epochs: float, lr: float) -> float:
        """Return the rate on the cosine."""
        return _along_cosine(lr, lr * self.final, _share(epoch, epochs))


@dataclass(frozen=True, kw_only=True)
class Linear(Schedule):
    """Fall from the optimiser's rate in a straight line.

    Args:
        final: the last rate, as a share of the optimiser's rate.

    >>> [round(Linear().rate(epoch, epochs=10, lr=0.1), 6) for epoch in (0, 5, 10)]
    [0.1, 0.05, 0.0]
    """

    final: Share = 0.0

    def shape(self, epoch: float, epochs: float, lr: float) -> float:
        """Return the rate on the line."""
        return lr * (1 - (1 - self.final) * _share(epoch, epochs))


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """Grow to a peak and fall to nearly 0: Smith and Topin 2018, section 3.

    Args:
        peak: the highest rate; it replaces the optimiser's rate, or all rates of an optimiser with
            several, such as `Muon`.
        rise: the share of training in which the rate grows.
        start: the first rate, as a share of the peak.
        final: the last rate, as a share of the peak.

    >>> schedule = OneCycle(peak=0.1)
    >>> [round(schedule.rate(epoch, epochs=10, lr=1e-3), 6) for epoch in (0, 3, 10)]
    [0.004, 0.1, 1e-06]
    """

    peak: Annotated[float, Range(0, 1_000, open="(")] = 0.01
    rise: Annotated[float, Range(0, 1, open="()")] = 0.3
    start: Share = 0.04
    final: Share = 1e-5

    def shape(self, epoch: float, epochs: float, lr: float) -> float:
        """Return the rate on the way up or down."""
        progress = _share(epoch, epochs)
        if progress < self.rise:
            return _along_cosine(self.peak * self.start, self.peak, progress / self.rise)
        return _along_cosine(
            self.peak, self.peak * self.final, (progress - self.rise) / (1 - self.rise)
        )


def _share(epoch: float, epochs: float) -> float:
    """Return the progress, in [0, 1]; it is 0 at the start, even when there are no epochs."""
    return min(epoch / epochs, 1.0) if epochs else float(epoch > 0)


def _along_cosine(begin: float, end: float, share: float) -> float:
    return end + (begin - end) * (1 + math.cos(math.pi * share)) / 2
