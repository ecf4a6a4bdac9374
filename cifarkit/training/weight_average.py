"""The running average of the weights, where the recipe asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

__all__ = ["WeightAverage"]

Tensors = tuple[Tensor, ...] | list[Tensor]


class WeightAverage:
    """An exponential moving average of a network's weights and running statistics.

    Integer buffers, such as batch norm's count of batches, are copied: an average would be cut.

    Args:
        model: whose weights to average.
        decay: how much of the average each step keeps; with 0 the network is left alone.

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
        self.averaged = (
            AveragedModel(model, multi_avg_fn=_average_of_floats(decay), use_buffers=True)
            if decay
            else None
        )

    @property
    def has_begun(self) -> bool:
        """Whether there is an average, of one step at least."""
        return self.averaged is not None and bool(self.averaged.n_averaged > 0)

    def update(self) -> None:
        """Count the weights in as they are after a step; the first are the average themselves."""
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)

    def install(self) -> None:
        """Put the average into the network, for good."""
        if self.averaged is not None and self.has_begun:
            self.model.load_state_dict(self.averaged.module.state_dict())

    def restart(self) -> None:
        """Forget what was counted in."""
        if self.averaged is not None:
            self.averaged.n_averaged.zero_()

    def state_dict(self) -> dict[str, Tensor]:
        """Return the average and how much it has seen."""
        return {} if self.averaged is None else self.averaged.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up what `state_dict` returned."""
        if self.averaged is not None:
            self.averaged.load_state_dict(state)

    @staticmethod
    def of_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the averaged weights in a state; none where nothing was averaged."""
        if not state or state["n_averaged"] == 0:
            return {}
        prefix = "module."
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in state.items()
            if name.startswith(prefix)
        }

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Hold the average in the network for a block."""
        if self.averaged is None:
            yield
            return
        own = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self.install()
        try:
            yield
        finally:
            self.model.load_state_dict(own)


def _average_of_floats(decay: float) -> Callable[[Tensors, Tensors, int | Tensor], None]:
    """Return torch's way to average, which would cut whole numbers to other whole ones."""
    average = get_ema_multi_avg_fn(decay)

    def update(averages: Tensors, values: Tensors, count: int | Tensor) -> None:
        # They come in groups of one type.
        if averages[0].is_floating_point() or averages[0].is_complex():
            average(averages, values, count)
        else:
            torch._foreach_copy_(averages, values)

    return update
