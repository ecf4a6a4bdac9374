"""Randomness keyed by its purpose, not by how many numbers were drawn before.

Every random choice has a key, such as `("order", seed, epoch)`; the key is hashed to a seed. So the
order of epoch 7 does not depend on whether epochs 1 to 6 ran in this process, or on how many
numbers they drew.
"""

from __future__ import annotations

import hashlib
import operator
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

__all__ = [
    "generator_for",
    "generator_states",
    "fork_rng",
    "seed_for",
    "seed_generators",
    "seeded",
    "set_generator_states",
]


def seed_for(*key: str | int) -> int:
    """Hash a key to a seed.

    Args:
        key: what the numbers are for, then what they depend on.

    Returns:
        A seed in 0 .. 2**63 - 1.

    >>> seed_for("order", 0, 1) == seed_for("order", 0, 1)
    True
    >>> seed_for("order", 0, 1) == seed_for("order", 1, 0)
    False
    """
    # NumPy's numbers and strings are equal to Python's, but their repr differs.
    plain = tuple(str(part) if isinstance(part, str) else int(operator.index(part)) for part in key)
    digest = hashlib.sha256(repr(plain).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator_for(*key: str | int) -> torch.Generator:
    """Make a CPU generator for one purpose.

    Args:
        key: see `seed_for`.

    >>> torch.randperm(5, generator=generator_for("order", 0, 1))
    tensor([1, 2, 0, 3, 4])
    """
    return torch.Generator().manual_seed(seed_for(*key))


@contextmanager
def seeded(*key: str | int) -> Iterator[None]:
    """Seed the global generators of torch, NumPy and Python for a block, then put them back.

    Layers draw their first weights, and dropout its masks, from torch's generator. Some networks
    skip layers by a number from Python's or NumPy's.

    Args:
        key: see `seed_for`.

    >>> with seeded("weights", 0):
    ...     first = torch.nn.Linear(3, 2).weight
    >>> with seeded("weights", 0):
    ...     second = torch.nn.Linear(3, 2).weight
    >>> torch.equal(first, second)
    True
    """
    with fork_rng():
        seed_generators(seed_for(*key))
        yield


def seed_generators(seed: int, device: torch.device | None = None) -> None:
    """Seed the global generators of Python, NumPy and torch.

    Args:
        seed: from 0 on.
        device: which of torch's devices to seed with the CPU; all when None. To seed all is slow:
            torch keeps a stack trace for each kind of device that has not started. With a GPU,
            that takes much of a small network's step.

    >>> seed_generators(7)
    >>> first = random.random(), np.random.rand(), torch.rand(1)
    >>> seed_generators(7)
    >>> first == (random.random(), np.random.rand(), torch.rand(1))
    True
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if device is None:
        torch.manual_seed(seed)
        return
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
    elif device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


@contextmanager
def fork_rng() -> Iterator[None]:
    """Put the global generators of torch, NumPy and Python back after a block."""
    before = generator_states()
    try:
        yield
    finally:
        set_generator_states(before)


def generator_states() -> dict[str, Any]:
    """Return the states of the global generators, as tensors and JSON types.

    >>> before = generator_states()
    >>> first = random.random(), np.random.rand(), torch.rand(1)
    >>> set_generator_states(before)
    >>> first == (random.random(), np.random.rand(), torch.rand(1))
    True
    """
    name, keys, *position = np.random.get_state()
    states: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(np.asarray(keys).copy()), *position),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_generator_states(states: dict[str, Any]) -> None:
    """Put the global generators back into the states that `generator_states` returned.

    States of a device that this machine does not have are ignored.
    """
    random.setstate(states["python"])
    name, keys, *position = states["numpy"]
    np.random.set_state((name, keys.numpy(), *position))
    torch.set_rng_state(states["torch"])
    if "cuda" in states and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
    if "mps" in states and torch.backends.mps.is_available():
        torch.mps.set_rng_state(states["mps"])
