"""A stand-in for CUDA graphs, by which steps are recorded and played again without a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from cifarkit.training.metrics import EpochMetrics


class Tape(TorchDispatchMode):
    """Notes a step's operations with their tensors, and plays them again in the same places.

    A CUDA graph does so with launches and addresses. What Python decided is not asked again. Unlike
    a graph, it also plays what was done on the CPU, and of what waits it refuses `.item()` alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, ...]] = []
        self.found: dict[int, tuple[Any, Any]] = {}  # memory from before, and a copy, by address
        self.own: set[int] = set()  # addresses of what the step makes

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if operation is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        kwargs = kwargs or {}
        for tensor in tensors_in((args, kwargs)):
            memory = tensor.untyped_storage()
            if memory.data_ptr() not in self.own | self.found.keys():
                self.found[memory.data_ptr()] = memory, memory.clone()
        answer = operation(*args, **kwargs)
        made = [
            (place, leaf)
            for place, leaf in enumerate(pytree.tree_leaves(answer))
            if isinstance(leaf, Tensor)
            and leaf.untyped_storage().data_ptr() not in self.own | self.found.keys()
        ]
        self.own |= {leaf.untyped_storage().data_ptr() for _, leaf in made}
        if made or operation._schema.is_mutable:
            self.operations.append((operation, args, kwargs, made))
        return answer

    def put_back(self) -> None:
        """Undo what the step did, for to record is not to do."""
        for memory, copy in self.found.values():
            memory.copy_(copy)

    def replay(self) -> None:
        with torch.no_grad():
            for operation, args, kwargs, made in self.operations:
                leaves = pytree.tree_leaves(operation(*args, **kwargs))
                for place, tensor in made:
                    tensor.copy_(leaves[place])


def tensors_in(tree: Any) -> Iterator[Tensor]:
    return (leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, Tensor))


class Graph:
    """Stands for `torch.cuda.CUDAGraph`."""

    def __init__(self) -> None:
        self.tape = Tape()

    def replay(self) -> None:
        self.tape.replay()


@contextmanager
def recording(graph: Graph, stream: object) -> Iterator[None]:
    """Stand for `torch.cuda.graph`."""
    chance = torch.get_rng_state()
    try:
        with graph.tape:
            yield
    finally:
        graph.tape.put_back()
        torch.set_rng_state(chance)


@pytest.fixture
def cuda_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record steps on the CPU, and look at no loss within an epoch, as on a GPU."""
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    for name in ("Stream", "current_stream", "stream", "device"):
        monkeypatch.setattr(torch.cuda, name, lambda device: nullcontext())
    late = property(lambda sums: False, lambda sums, is_on_cpu: None)
    monkeypatch.setattr(EpochMetrics, "checks_at_once", late, raising=False)
