"""A training step on a GPU, recorded once and then played again in one launch.

A small network's step is some hundred launches, and Python takes longer to make them than the GPU
to follow them. A CUDA graph keeps the launches of one step and makes them all at once
(https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs). What Python decides on the way
is then decided for good; `choose_step` says where nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from cifarkit.data.batches import Batch

__all__ = ["RecordedStep", "Step"]

Answers = tuple[Tensor, Tensor]
Step = Callable[[Batch], Answers]


class _Recording(NamedTuple):
    shape: object
    inputs: Batch
    replay: Callable[[], Answers]


class RecordedStep:
    """Make a step by hand at first, then record it, then play it again.

    A recording holds for batches of one shape. The first of a shape is made by hand: libraries get
    ready, and the optimiser makes its state, which a recording would do again at every step. When
    the next one has the shape too, it is recorded, in place of what was recorded before. So a
    smaller last batch is made by hand, and windows that grow are recorded anew.

    Args:
        step: makes a step on a batch, and returns two tensors.
        optimizer: that it makes the step with.
        device: where.
    """

    def __init__(self, step: Step, optimizer: torch.optim.Optimizer, device: torch.device) -> None:
        self.step = step
        self.optimizer = optimizer
        self.device = device
        self.rates = [torch.zeros((), device=device) for _ in optimizer.param_groups]
        self.last: object = None  # the shape of the last batch
        self.recording: _Recording | None = None
        self.can_record = True

    def __call__(self, batch: Batch) -> Answers:
        """Make a step and return what it answers."""
        shape = tuple((part.shape, part.dtype) for part in batch)
        for rate, group in zip(self.rates, self.optimizer.param_groups, strict=True):
            rate.fill_(group["lr"])
        if shape == self.last and self.can_record and self._recording_for(shape) is None:
            self._try_to_record(batch, shape)
        self.last, recording = shape, self._recording_for(shape)
        if recording is None:
            with self._rates_in_tensors():
                return self.step(batch)
        for kept, part in zip(recording.inputs, batch, strict=True):
            kept.copy_(part)
        return recording.replay()

    def _recording_for(self, shape: object) -> _Recording | None:
        fits = self.recording is not None and self.recording.shape == shape
        return self.recording if fits else None

    def _try_to_record(self, batch: Batch, shape: object) -> None:
        self.recording = None  # first, so that its memory is free
        inputs = Batch(*(part.clone() for part in batch))
        try:
            with self._rates_in_tensors(capturable=True):
                replay = record_cuda_graph(partial(self.step, inputs), self.device)
        except RuntimeError:  # the network waits for the GPU on its way, which cannot be recorded
            self.can_record = False
        else:
            self.recording = _Recording(shape, inputs, replay)

    @contextmanager
    def _rates_in_tensors(self, **others: bool) -> Iterator[None]:
        """Have the optimiser read its rates from tensors for a block.

        In a recording a number would stay what it was; by hand it would be another number, since
        these have the digits of float32.
        """
        groups = self.optimizer.param_groups
        before = [dict(group) for group in groups]
        try:
            for group, rate in zip(groups, self.rates, strict=True):
                group.update(others, lr=rate)
            yield
        finally:
            for group, old in zip(groups, before, strict=True):
                group.clear()
                group.update(old)


def record_cuda_graph(step: Callable[[], Answers], device: torch.device) -> Callable[[], Answers]:
    """Record what a step does on a CUDA device, without doing it; return what does it again."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(device), torch.cuda.graph(graph, stream=torch.cuda.Stream(device)):
        loss, hits = step()

    def replay() -> Answers:
        graph.replay()
        return loss.clone(), hits.clone()  # the next replay writes to the same places

    return replay
