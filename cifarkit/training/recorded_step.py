"""A training step on a GPU, recorded once and then played again in one launch.

A small network's step is some hundred launches, and Python takes longer to make them than the GPU
to follow them. A CUDA graph keeps the launches of one step and makes them all at once
(https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs). What Python decides on the way
is then decided for good; `choose_step` says where nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge

from cifarkit.data.batches import Batch
from cifarkit.errors import TrainingError
from cifarkit.training.out_of_memory import is_shortage

__all__ = ["RecordedStep", "Step", "is_held"]

Answers = tuple[Tensor, Tensor]
Step = Callable[[Batch], Answers]


class _Recording(NamedTuple):
    form: object
    inputs: Batch
    replay: Callable[[], Answers]


class RecordedStep:
    """Make a step by hand at first, then record it, then play it again.

    A recording holds for batches of one form. The first of a form is made by hand: libraries get
    ready, and the optimiser makes its state, which a recording would do again at every step. When
    the next one has the form too, it is recorded, in place of what was recorded before. So a
    smaller last batch is made by hand, and windows that grow are recorded anew.

    Args:
        step: makes a step on a batch, and returns two tensors.
        optimizer: that it makes the step with.
        device: where.
        on_recorded: is called when a step has been recorded.
    """

    def __init__(
        self,
        step: Step,
        optimizer: torch.optim.Optimizer,
        device: torch.device,
        on_recorded: Callable[[], None],
    ) -> None:
        self.step = step
        self.optimizer = optimizer
        self.device = device
        self.on_recorded = on_recorded
        self.rates = [torch.zeros((), device=device) for _ in optimizer.param_groups]
        self.filled: list[float] = []  # what is in them; to fill one is a launch
        self.last: object = None  # the form of the last batch
        self.recording: _Recording | None = None

    def __call__(self, batch: Batch) -> Answers:
        """Make a step and return what it answers.

        Raises:
            TrainingError: the step cannot be recorded.
        """
        self._fill_rates([group["lr"] for group in self.optimizer.param_groups])
        if batch.form == self.last and self._recording_for(batch) is None:
            self._record(batch)
        self.last, recording = batch.form, self._recording_for(batch)
        if recording is None:
            with self._rates_in_tensors():
                return self.step(batch)
        for kept, part in zip(recording.inputs, batch, strict=True):
            kept.copy_(part)
        return recording.replay()

    def _fill_rates(self, numbers: list[float]) -> None:
        if numbers != self.filled:
            for rate, number in zip(self.rates, numbers, strict=True):
                rate.fill_(number)
            self.filled = numbers

    def _recording_for(self, batch: Batch) -> _Recording | None:
        fits = self.recording is not None and self.recording.form == batch.form
        return self.recording if fits else None

    def _record(self, batch: Batch) -> None:
        self.recording = None  # first, so that its memory is free
        inputs = Batch(*(part.clone() for part in batch))
        try:
            with self._rates_in_tensors(capturable=True):
                replay = record_cuda_graph(partial(self.step, inputs), self.device)
        except RuntimeError as error:  # CUDA and its memory are in disorder from here on
            if is_shortage(error):
                raise
            raise TrainingError(
                f"the step cannot be recorded as a CUDA graph ({error}); begin anew, in a new "
                "process, with compile='off', which makes each step by hand"
            ) from error
        self.recording = _Recording(batch.form, inputs, replay)
        self.on_recorded()

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


def is_held(model: nn.Module) -> bool:
    """Return whether something still holds the way back of an earlier pass, as its loss does.

    Autograd adds up each weight's gradient on the stream that the graph of the pass was made on.
    While an earlier graph lives, that is the usual stream; a recording is made on a stream of its
    own, and what leads out of it ends it
    (https://docs.pytorch.org/docs/stable/notes/cuda.html#stream-semantics-of-backward-passes).

    >>> layer = nn.Linear(2, 2)
    >>> loss = layer(torch.ones(1, 2)).sum()
    >>> is_held(layer)
    True
    >>> del loss
    >>> is_held(layer)
    False
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in weights:
        _marks(weight)["seen by cifarkit"] = True
    return any("seen by cifarkit" in _marks(weight) for weight in weights)


def _marks(weight: nn.Parameter) -> dict[str, Any]:
    """Return what can be written on the end of all ways to a weight, and goes with the last."""
    marks: Any = get_gradient_edge(weight).node.metadata
    return cast("dict[str, Any]", marks)


def record_cuda_graph(step: Callable[[], Answers], device: torch.device) -> Callable[[], Answers]:
    """Record what a step does on a CUDA device, without doing it; return what does it again."""
    graph = torch.cuda.CUDAGraph()
    # A recording that fails leaves its own stream the current one; this puts back what was.
    as_it_was = torch.cuda.stream(torch.cuda.current_stream(device))
    cause: Exception | None = None
    try:
        with as_it_was, torch.cuda.device(device), torch.cuda.graph(graph, stream=_stream(device)):
            try:
                loss, hits = step()
            except Exception as error:
                cause = error
                raise
    except RuntimeError as error:
        if cause is None or cause is error:
            raise
        raise cause from cause.__cause__  # how a recording ends that failed does not say why

    def replay() -> Answers:
        graph.replay()
        return loss.clone(), hits.clone()  # the next replay writes to the same places

    return replay


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """Return the stream for recordings: one for all, for libraries keep memory for each."""
    return torch.cuda.Stream(device)
