"""A training step on a GPU, recorded once and then played again in one launch.

A small network's step is some hundred launches, and Python takes longer to make them than the GPU
to follow them. A CUDA graph keeps the launches of one step and makes them all at once
(https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs). What Python decides on the way
is then decided for good; so a step is recorded only where it is known that Python decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from cifarkit.data.batches import Batch

__all__ = ["RecordedStep"]

Answers = tuple[Tensor, Tensor]
Step = Callable[[Batch], Answers]
Replay = Callable[[], Answers]


class RecordedStep:
    """Make a step by hand at first, then record it, then play it again.

    A recording holds for batches of one shape and for the network and the optimiser as they were:
    which weights are trained, which layers are in training mode, all settings but the rates. When
    one of these changes, the next two steps are made by hand and recorded anew.

    Args:
        step: makes a step on a batch, and returns two tensors.
        network: that it trains.
        optimizer: that it makes the step with.
        record: from a step without arguments to a replay of it.
    """

    def __init__(
        self,
        step: Step,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        record: Callable[[Replay], Replay] | None = None,
    ) -> None:
        self.step = step
        self.weights = [*network.parameters(), *network.buffers()]
        self.layers = list(network.modules())
        self.optimizer = optimizer
        device = self.weights[0].device
        self.rates = [torch.zeros((), device=device) for _ in optimizer.param_groups]
        self.record = record or record_cuda_graph
        self.seen: set[Hashable] = set()
        self.recordings: dict[Hashable, tuple[Batch, Replay]] = {}
        self.can_record = True

    def __call__(self, batch: Batch) -> Answers:
        """Make a step and return what it answers."""
        key = self._circumstances(batch)
        if key in self.seen and key not in self.recordings and self.can_record:
            self._try_to_record(key, batch)
        self.seen.add(key)
        if key not in self.recordings:
            # The first time libraries get ready and the optimiser makes its state, which a
            # recording would do again at every step.
            return self.step(batch)
        inputs, replay = self.recordings[key]
        for kept, part in zip(inputs, batch, strict=True):
            kept.copy_(part)
        for rate, group in zip(self.rates, self.optimizer.param_groups, strict=True):
            rate.fill_(group["lr"])
        return replay()

    def _circumstances(self, batch: Batch) -> Hashable:
        """Return all that a recording takes for granted."""
        shapes = tuple((part.shape, part.dtype) for part in batch)
        weights = tuple((weight.data_ptr(), weight.requires_grad) for weight in self.weights)
        modes = tuple(layer.training for layer in self.layers)
        settings = tuple(
            value
            for group in self.optimizer.param_groups
            for name, value in group.items()
            if name not in ("params", "lr")
        )
        return shapes, weights, modes, settings

    def _try_to_record(self, key: Hashable, batch: Batch) -> None:
        inputs = Batch(*(part.clone() for part in batch))
        try:
            with self._rates_in_tensors():
                self.recordings[key] = inputs, self.record(partial(self.step, inputs))
        except RuntimeError:  # the network waits for the GPU on its way, which cannot be recorded
            self.can_record = False

    @contextmanager
    def _rates_in_tensors(self) -> Iterator[None]:
        """Have the optimiser read its rates from tensors for a block; a number would stay."""
        groups = self.optimizer.param_groups
        before = [dict(group) for group in groups]
        try:
            for group, rate in zip(groups, self.rates, strict=True):
                group.update(lr=rate, capturable=True)
            yield
        finally:
            for group, old in zip(groups, before, strict=True):
                group.clear()
                group.update(old)


def record_cuda_graph(step: Replay) -> Replay:
    """Record what a step does on the current CUDA device, without doing it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss, hits = step()

    def replay() -> Answers:
        graph.replay()
        return loss.clone(), hits.clone()  # the next replay writes to the same places

    return replay
