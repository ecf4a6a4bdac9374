"""Who hears how a download goes."""

from __future__ import annotations

import logging
import time

__all__ = ["DownloadListener"]

log = logging.getLogger(__name__)

PAUSE = 30.0  # seconds between two lines


class DownloadListener:
    """Writes to the log what happens, and now and then how far it is.

    The lines are warnings, as those are shown where nobody has set up logging: a download can
    take an hour, and nobody should sit before a program that is silent for so long. A class of
    your own may do otherwise.

    >>> class Silent(DownloadListener):
    ...     def note(self, text):
    ...         pass
    >>> Silent().note("waiting")
    """

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None  # when, and at how many bytes
        self._spoke = 0.0

    def note(self, text: str) -> None:
        """Hear what happens."""
        log.warning("%s", text)

    def move(self, done: int, total: int) -> None:
        """Hear how many bytes are there, of how many; called for every block."""
        now = time.monotonic()
        if self._began is None:
            self._began, self._spoke = (now, done), now
        elif now - self._spoke >= PAUSE:
            self._spoke = now
            seconds, received = now - self._began[0], done - self._began[1]
            self.note(_line(done, total, received / seconds))


def _line(done: int, total: int, rate: float) -> str:
    """Say how far a download is, how fast it goes and how long it will take.

    >>> _line(17_000_000, 170_000_000, 1_500_000.0)
    '17.0 of 170.0 MB, 1.50 MB a second, 1:42 minutes left'
    """
    megabyte = 1_000_000
    text = f"{done / megabyte:.1f} of {total / megabyte:.1f} MB, {rate / megabyte:.2f} MB a second"
    if rate <= 0:  # it had to start over
        return text
    minutes, seconds = divmod(round((total - done) / rate), 60)
    return f"{text}, {minutes}:{seconds:02} minutes left"
