"""The running average of the weights, if the recipe asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cifarkit.models.state import restore_state
from cifarkit.runs.checkpoint import COUNT, PREFIX, averages_of

__all__ = ["WeightAverage"]


class WeightAverage:
    """An exponential moving average of a network's weights and running statistics.

    Whole numbers, such as batch norm's count of batches, are copied, because an average would be
    cut to a whole number. torch's `AveragedModel` would copy the count of steps to the device at
    every step, and wait for it.

    Args:
        model: the network whose weights to average.
        decay: how much of the average each step keeps; with 0 there is no average.

    >>> layer = nn.Linear(1, 1, bias=False)
    >>> average = WeightAverage(layer, decay=0.5)
    >>> for value in (2.0, 4.0, 8.0):
    ...     _ = nn.init.constant_(layer.weight, value)
    ...     average.update()
    >>> with average.in_place():
    ...     layer.weight.item()
    5.5
    >>> layer.weight.item()
    8.0
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = model
        self.decay = decay
        self.restart()

    def restart(self) -> None:
        """Reset the average."""
        self.steps = 0
        self.averages: dict[str, Tensor] = {}

    @property
    def has_begun(self) -> bool:
        """Whether there is an average, of at least one step."""
        return self.steps > 0

    def update(self) -> None:
        """Add the weights after a step; after the first step they are the average."""
        if not self.decay:
            return
        weights = self.model.state_dict()
        if self.has_begun:
            self._count_in(weights)
        else:
            self.averages = _copied(weights)
        self.steps += 1

    def _count_in(self, weights: dict[str, Tensor]) -> None:
        fractions = [name for name, weight in weights.items() if _has_fractions(weight)]
        others = [name for name, weight in weights.items() if not _has_fractions(weight)]
        torch._foreach_lerp_(
            [self.averages[name] for name in fractions],
            [weights[name] for name in fractions],
            1 - self.decay,
        )
        if others:
            torch._foreach_copy_(
                [self.averages[name] for name in others], [weights[name] for name in others]
            )

    @contextmanager
    def at_the_end(self) -> Iterator[None]:
        """Copy the average into the network after a block."""
        try:
            yield
        finally:
            self._install()

    def _install(self) -> None:
        if self.has_begun:  # before the first step there is no average
            restore_state(self.model, self.averages)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the average into the network for a block."""
        if not self.has_begun:
            yield
            return
        own = _copied(self.model.state_dict())
        self._install()
        try:
            yield
        finally:
            restore_state(self.model, own)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the average and the number of its steps; an empty dict before the first step."""
        if not self.has_begun:
            return {}
        averages = {f"{PREFIX}{name}": average for name, average in self.averages.items()}
        return {COUNT: torch.tensor(self.steps), **averages}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore what `state_dict` returned."""
        self.restart()
        if averages := averages_of(state):
            self.steps = int(state[COUNT])
            self.averages = _copied(self.model.state_dict())  # on its device, in its layout
            for name, kept in self.averages.items():
                kept.copy_(averages[name])


def _copied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in tensors.items()}


def _has_fractions(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()
