"""A training step on a GPU, captured once as a CUDA graph and then replayed in one launch.

A small network's step has some hundred kernel launches, and Python takes longer to launch them than
the GPU to compute. A CUDA graph keeps the launches of one step and makes them all at once
(https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs). A graph repeats all decisions
that Python made during the capture; `captured_or_eager` checks that a step has none.
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
from cifarkit.training.engine.out_of_memory import is_shortage

__all__ = ["CUDAGraphStep", "Step", "is_held"]

Answers = tuple[Tensor, Tensor]
Step = Callable[[Batch], Answers]


class _Graph(NamedTuple):
    signature: object
    inputs: Batch
    replay: Callable[[], Answers]


class CUDAGraphStep:
    """Run a step eagerly at first, then capture it, then replay it.

    A graph is valid for batches of one signature. The first batch of a signature runs eagerly:
    libraries are initialised, and the optimiser makes its state, which a graph would repeat at
    every step. If the next batch has the same signature, its step is captured, in place of the
    graph before. So a smaller last batch runs eagerly, and each size of growing windows is
    captured.

    Args:
        step: makes a step on a batch, and returns two tensors.
        optimizer: the optimiser of the step.
        device: the CUDA device.
        on_captured: called when a step has been captured.
    """

    def __init__(
        self,
        step: Step,
        optimizer: torch.optim.Optimizer,
        device: torch.device,
        on_captured: Callable[[], None],
    ) -> None:
        self.step = step
        self.optimizer = optimizer
        self.device = device
        self.on_captured = on_captured
        self.rates = [torch.zeros((), device=device) for _ in optimizer.param_groups]
        for state in optimizer.state.values():  # of a checkpoint: some count steps on the CPU
            state.update({name: _moved(part, device) for name, part in state.items()})
        self.filled: list[float] = []  # the numbers in them; filling a tensor is a launch
        self.last: object = None  # the signature of the last batch
        self.graph: _Graph | None = None

    def __call__(self, batch: Batch) -> Answers:
        """Make a step; return its loss and how many images are classified correctly.

        Raises:
            TrainingError: the step cannot be captured.
        """
        self._fill_rates([group["lr"] for group in self.optimizer.param_groups])
        if batch.signature == self.last and self._graph_for(batch) is None:
            self._capture(batch)
        self.last, graph = batch.signature, self._graph_for(batch)
        if graph is None:
            with self._rates_in_tensors():
                return self.step(batch)
        for kept, part in zip(graph.inputs, batch, strict=True):
            kept.copy_(part)
        return graph.replay()

    def _fill_rates(self, numbers: list[float]) -> None:
        if numbers != self.filled:
            for rate, number in zip(self.rates, numbers, strict=True):
                rate.fill_(number)
            self.filled = numbers

    def _graph_for(self, batch: Batch) -> _Graph | None:
        fits = self.graph is not None and self.graph.signature == batch.signature
        return self.graph if fits else None

    def _capture(self, batch: Batch) -> None:
        self.graph = None  # first, to free its memory
        inputs = Batch(*(part.clone() for part in batch))
        try:
            with self._rates_in_tensors():
                replay = capture_cuda_graph(partial(self.step, inputs), self.device)
        except RuntimeError as error:  # CUDA cannot be used from here on
            if is_shortage(error):
                raise
            raise TrainingError(
                f"the step cannot be captured as a CUDA graph ({error}); start again, in a new "
                "process, with compile='off', which runs each step eagerly"
            ) from error
        self.graph = _Graph(batch.signature, inputs, replay)
        self.on_captured()

    @contextmanager
    def _rates_in_tensors(self) -> Iterator[None]:
        """Let the optimiser read its rates from tensors for a block, and keep its state by them.

        A graph would repeat a number. Eager steps use the tensors too, because these round the rate
        to float32.
        """
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


def _moved(part: Any, device: torch.device) -> Any:
    return part.to(device) if isinstance(part, Tensor) else part


def is_held(model: nn.Module) -> bool:
    """Return whether something, such as a loss, still holds the autograd graph of an earlier pass.

    Autograd sums each weight's gradient on the stream on which the autograd graph was made. While
    an earlier graph exists, that is the usual stream. A CUDA graph is captured on another stream,
    and work that leaves that stream ends the capture
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
    """Return the metadata of a weight's autograd node, which lasts as long as the node is held."""
    marks: Any = get_gradient_edge(weight).node.metadata
    return cast("dict[str, Any]", marks)


def capture_cuda_graph(step: Callable[[], Answers], device: torch.device) -> Callable[[], Answers]:
    """Capture a step on a CUDA device, without running it; return a function that replays it."""
    graph = torch.cuda.CUDAGraph()
    # A failed capture leaves its own stream current; this restores the stream before.
    as_it_was = torch.cuda.stream(torch.cuda.current_stream(device))
    cause: Exception | None = None
    try:
        with as_it_was, torch.cuda.device(device), torch.cuda.graph(graph, stream=_stream(device)):
            try:
                loss, correct = step()
            except Exception as error:
                cause = error
                raise
    except RuntimeError as error:
        if cause is None or cause is error:
            raise
        raise cause from cause.__cause__  # the end of a failed capture does not say why

    def replay() -> Answers:
        graph.replay()
        return loss.clone(), correct.clone()  # the next replay writes to the same places

    return replay


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """Return the stream for all captures: libraries keep memory for each stream."""
    return torch.cuda.Stream(device)
