"""Keep memory in the process from one step to the next."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["retained_memory"]

# Options of mallopt(3): the size from which a block is mapped separately, and how much free memory
# is kept.
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
KEEP = 2**30
USUAL = 32 * 2**20  # how far glibc raises both itself, and the most that older ones take
BY_HAND = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
TUNABLES = "GLIBC_TUNABLES"  # the same under newer names, and more


@contextmanager
def retained_memory() -> Iterator[None]:
    """Keep freed memory in a block, where the system's C library would give it back.

    Each step frees memory that the next step needs again, in pieces of many megabytes. glibc gives
    such pieces back to the system at once, and the system fills the next ones with zeros, page by
    page. This takes a tenth of the time or more, measured on two cores. At the end of the block
    free memory is given back, and glibc then keeps as much as it would by itself. Nothing is done
    with another C library, or if environment variables set these limits.

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
