"""Memory that stays with the process from one step to the next."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["kept_memory"]

# mallopt(3): the size from which a block is mapped apart, and how much free memory is kept.
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
GLIBC_DEFAULT = 128 * 1024
KEEP = 2**30


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory for a block, where the system's C library would give it back.

    Each step frees what the next one asks for again, in blocks of many megabytes. glibc hands
    such blocks back to the system at once, and the system fills the next ones with zeros, page by
    page: a tenth of the time and more, measured on two cores. At the end all is given back. Where
    the C library is another one, nothing is done.

    >>> with kept_memory():
    ...     pass
    """
    if "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}):
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(MMAP_THRESHOLD, KEEP)
    libc.mallopt(TRIM_THRESHOLD, KEEP)
    try:
        yield
    finally:
        libc.mallopt(MMAP_THRESHOLD, GLIBC_DEFAULT)
        libc.mallopt(TRIM_THRESHOLD, GLIBC_DEFAULT)
        libc.malloc_trim(0)
