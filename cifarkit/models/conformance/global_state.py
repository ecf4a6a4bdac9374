"""The state of the whole process: torch's settings, and the global generators."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from cifarkit.randomness import seeded

__all__ = ["changes_of", "settings_kept"]


def changes_of(action: Callable[[], object]) -> list[str]:
    """Return what an action changes in the process; run it three times, and undo all changes.

    Drawing from a generator is allowed. Reseeding is found, because the state then does not depend
    on the seed before, or is random.

    >>> changes_of(lambda: torch.rand(3))
    []
    >>> changes_of(lambda: torch.manual_seed(0))
    ['reseeds the global generator of torch']
    """
    states = []
    for seed in (0, 1, 0):
        with settings_kept(), seeded("changes", seed):
            before = _settings()
            action()
            after = _settings()
            states.append(_generators())
    first, other, again = states
    return [
        f"changes {name} from {value} to {after[name]}"
        for name, value in before.items()
        if after[name] != value
    ] + [
        f"reseeds the global generator of {name}"
        for name in first
        if first[name] == other[name] or first[name] != again[name]
    ]


def _settings() -> dict[str, Any]:
    """Return the settings of torch that hold for the whole process."""
    return {
        "the default dtype": torch.get_default_dtype(),
        "the default device": torch.empty(0).device,  # torch 2.6 cannot always name its default
        "the grad mode": torch.is_grad_enabled(),
        "the number of threads": torch.get_num_threads(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn.deterministic": torch.backends.cudnn.deterministic,
        "cudnn.benchmark": torch.backends.cudnn.benchmark,
        "the precision of matmul": torch.get_float32_matmul_precision(),
    }


@contextmanager
def settings_kept() -> Iterator[None]:
    """Restore the settings of torch after a block."""
    before = _settings()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        yield
    finally:
        if _settings() != before:
            dtype, device, grad, threads, strict, deterministic, benchmark, matmul = before.values()
            torch.set_default_dtype(dtype)
            torch.set_default_device(None if device.type == "cpu" else device)
            torch.set_grad_enabled(grad)
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(strict, warn_only=warn_only)
            torch.backends.cudnn.deterministic = deterministic
            torch.backends.cudnn.benchmark = benchmark
            torch.set_float32_matmul_precision(matmul)


def _generators() -> dict[str, Hashable]:
    """Return the states of the global generators, in a form that can be compared."""
    _, keys, position, *_ = np.random.get_state()
    return {
        "torch": tuple(torch.get_rng_state().tolist()),
        "NumPy": (tuple(np.asarray(keys).tolist()), int(position)),
        "Python": random.getstate(),
    }
