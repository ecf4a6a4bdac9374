"""Randomness keyed by what it is for, never by what else drew a number before.

Every random choice has a key, such as `("order", seed, epoch)`; the key is hashed to a seed. So
the order of epoch 7 is the same whether epochs 1 to 6 ran in this process, in another one, or
drew more numbers than they used to.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["generator_for", "preserved", "seed_for", "seeded"]


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
    # NumPy's numbers and strings are equal to Python's, but print otherwise.
    plain = tuple(str(part) if isinstance(part, str) else int(operator.index(part)) for part in key)
    digest = hashlib.sha256(repr(plain).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator_for(*key: str | int) -> torch.Generator:
    """Make a CPU generator for one purpose.

    >>> torch.randperm(5, generator=generator_for("order", 0, 1))
    tensor([1, 2, 0, 3, 4])
    """
    return torch.Generator().manual_seed(seed_for(*key))


@contextmanager
def seeded(*key: str | int) -> Iterator[None]:
    """Seed torch's global generators inside a block and put them back after it.

    Layers draw their first weights, and dropout its masks, from the global generators.

    >>> with seeded("weights", 0):
    ...     first = torch.nn.Linear(3, 2).weight
    >>> with seeded("weights", 0):
    ...     second = torch.nn.Linear(3, 2).weight
    >>> torch.equal(first, second)
    True
    """
    with preserved():
        torch.manual_seed(seed_for(*key))
        yield


@contextmanager
def preserved() -> Iterator[None]:
    """Put torch's global generators back after a block, whatever it drew."""
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        if mps is not None:
            torch.mps.set_rng_state(mps)
