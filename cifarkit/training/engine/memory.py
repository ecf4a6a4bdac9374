"""Memory that stays with the process from one step to the next."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["retained_memory"]

# mallopt(3): the size from which a block is mapped apart, and how much free memory is kept.
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
KEEP = 2**30
USUAL = 32 * 2**20  # how far glibc raises both by itself, and the most that older ones take
BY_HAND = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
TUNABLES = "GLIBC_TUNABLES"  # the same under newer names, and more


@contextmanager
def retained_memory() -> Iterator[None]:
    """Keep freed memory for a block, where the system's C library would give it back.

    Each step frees what the next one asks for again, in blocks of many megabytes. glibc hands
    such blocks back to the system at once, and the system fills the next ones with zeros, page by
    page: a tenth of the time and more, measured on two cores. At the end what is free is given
    back, and from then on as much is kept as glibc comes to keep by itself. Nothing is done where
    the C library is another one, or the environment says what to keep.

    >>> with retained_memory():
    ...     pass
    """
    libc: Any = ctypes.CDLL(None) if os.name == "posix" else None
    is_by_hand = any(name in os.environ for name in BY_HAND)
    if is_by_hand or "malloc" in os.environ.get(TUNABLES, "") or not hasattr(libc, "mallopt"):
        yield
        return
    if libc.mallopt(MMAP_THRESHOLD, KEEP) == 0:
        libc.mallopt(MMAP_THRESHOLD, USUAL)
    libc.mallopt(TRIM_THRESHOLD, KEEP)
    try:
        yield
    finally:
        libc.mallopt(MMAP_THRESHOLD, USUAL)
        libc.mallopt(TRIM_THRESHOLD, 2 * USUAL)
        libc.malloc_trim(0)
