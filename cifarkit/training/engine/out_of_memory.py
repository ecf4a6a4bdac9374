"""Explain that memory ran out in training: one error that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from cifarkit.errors import CifarkitError, OutOfMemoryError

__all__ = ["explained_shortage", "is_shortage"]

# Messages of torch and the libraries below it; only CUDA's allocator has its own class of error.
SAID = ("can't allocate memory", "out of memory", "not enough memory", "ALLOC_FAILED", "bad_alloc")


@contextmanager
def explained_shortage(batch_size: int, folder: Path | None) -> Iterator[None]:
    """Turn "out of memory" in a block into one error that says what to do.

    Args:
        batch_size: images in a step.
        folder: the run's folder, if it has one.

    Raises:
        OutOfMemoryError: memory ran out.

    >>> with explained_shortage(64, None):
    ...     raise MemoryError
    Traceback (most recent call last):
    ...
    cifarkit.errors.OutOfMemoryError: memory ran out at batch_size=64; try batch_size=32, ...
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_shortage(error):
            raise
        raise OutOfMemoryError(_what_to_do(batch_size, folder)) from error


def is_shortage(error: RuntimeError | MemoryError) -> bool:
    """Return whether an error says that memory ran out.

    >>> is_shortage(RuntimeError("CUBLAS_STATUS_ALLOC_FAILED")), is_shortage(RuntimeError("no"))
    (True, False)
    """
    by_class = isinstance(error, MemoryError | torch.OutOfMemoryError)
    is_ours = isinstance(error, CifarkitError)
    return by_class or (not is_ours and any(said in str(error) for said in SAID))


def _what_to_do(batch_size: int, folder: Path | None) -> str:
    if batch_size > 1:
        half = batch_size // 2
        smaller = f"try batch_size={half}, or --batch-size {half} on the command line"
    else:
        smaller = "try a smaller network"
    message = f"memory ran out at batch_size={batch_size}; {smaller}, or end other programs"
    if folder is None:
        return message
    return (
        f"{message}. The run in {str(folder)!r} is safe: it can resume at this batch size on a "
        "machine with more memory; another batch size is another run, with its own run_dir"
    )
