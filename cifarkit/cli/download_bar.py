"""A download, drawn on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cifarkit.data.download_listener import DownloadListener

__all__ = ["shown"]


@contextmanager
def shown() -> Iterator[DownloadListener]:
    """Give who shows a download: a bar where stderr is a terminal, else lines in the log."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield DownloadListener()
        return
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.close()


class _Bar(DownloadListener):
    """Lines that stay above one live bar with rate and time left."""

    def __init__(self) -> None:
        # rich costs a tenth of a second, and most commands find the data on the disk.
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._bar = Progress(
            BarColumn(bar_width=None),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(compact=True),
            console=Console(file=sys.stderr, highlight=False),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, visible=False)  # until the first block

    def note(self, text: str) -> None:
        """Write a line above the bar."""
        self._bar.console.print(f"cifarkit: {text}", markup=False)

    def move(self, done: int, total: int) -> None:
        """Move the bar."""
        if not self._bar.live.is_started:
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total, visible=True)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()
