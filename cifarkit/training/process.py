"""Set up the process for a training: memory, signals, generators, and torch's modes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cifarkit.modes import gradients_enabled
from cifarkit.randomness import fork_rng
from cifarkit.training.engine.memory import retained_memory
from cifarkit.training.interruption import Interruption, noticed_interruptions

__all__ = ["training_process"]


@contextmanager
def training_process() -> Iterator[Interruption]:
    """Set up the process for one training in a block, and restore everything after it.

    Freed memory stays with the process, gradients are computed, the global generators may be
    seeded, and Ctrl-C is recorded.

    >>> with training_process() as interruption:
    ...     interruption.heard
    False
    """
    with (
        retained_memory(),
        gradients_enabled(),
        fork_rng(),
        noticed_interruptions() as interruption,
    ):
        yield interruption
