"""Show how far a download is: a live bar on a terminal, and elsewhere a few lines in the log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from cifarkit.display import is_terminal

__all__ = ["shown"]

log = logging.getLogger(__name__)

PAUSE = 30.0  # seconds between two lines


@contextmanager
def shown(done: int, size: int) -> Iterator[Callable[[int], None]]:
    """Show how far a download is during the block.

    Args:
        done: how many bytes are there already.
        size: how many there will be.

    Yields:
        A function to call after every block, with the number of bytes that are there.
    """
    # rich costs a tenth of a second, and most loads find the data on the disk.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(compact=True)
    console = Console(stderr=True)
    bar = Progress(BarColumn(bar_width=None), *columns, console=console, transient=True)
    task = bar.add_task("", completed=done, total=size)
    is_watched = is_terminal(sys.stderr)
    logged = time.monotonic()

    def move(done: int) -> None:
        nonlocal logged
        bar.update(task, completed=done)
        if not is_watched and time.monotonic() - logged >= PAUSE:
            logged = time.monotonic()
            words = ", ".join(str(column.render(bar.tasks[0])) for column in columns)
            log.warning("%s left", words)

    with bar if is_watched else nullcontext():
        yield move
