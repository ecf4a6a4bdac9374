"""What is true of a run beside its numbers, as `run.json` keeps it."""

from __future__ import annotations

__all__ = ["is_builtin"]


def is_builtin(kind: str) -> bool:
    """Return whether a callback in a record, by its kind or settings, is cifarkit's own.

    >>> is_builtin("cifarkit.training.callbacks.mixup.Mixup(alpha=0.2)"), is_builtin("mine.Mixup")
    (True, False)
    """
    return kind.startswith("cifarkit.")
