"""Ctrl-C and SIGTERM while a network is trained: the step is finished, then all is saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["Interruption", "noticed_interruptions"]

SIGNALS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


class Interruption:
    """Whether a signal has asked training to end, and who is to be told of it.

    >>> interruption = Interruption()
    >>> interruption.hear(signal.SIGINT, None)
    >>> interruption.tell(lambda: print("the step is finished, then all is saved"))
    the step is finished, then all is saved
    """

    def __init__(self) -> None:
        self.heard = False
        self.is_over = False
        self._interrupt: Callable[[], None] = lambda: None

    def hear(self, signal_number: int, frame: FrameType | None) -> None:
        """Note the first signal.

        Raises:
            KeyboardInterrupt: it is the second: the user does not want to wait for the step.
        """
        if self.heard and not self.is_over:
            raise KeyboardInterrupt
        self.heard = True
        self._interrupt()

    def tell(self, interrupt: Callable[[], None]) -> None:
        """Call this at the first signal; at once where it was heard already."""
        self._interrupt = interrupt
        if self.heard:
            interrupt()


@contextmanager
def noticed_interruptions() -> Iterator[Interruption]:
    """Note Ctrl-C and SIGTERM in a block, in place of being thrown out of it.

    Where somebody handles a signal otherwise, it stays with them. Only the main thread hears
    signals at all.
    """
    interruption = Interruption()
    before: dict[signal.Signals, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number, usual in SIGNALS.items():
                if signal.getsignal(number) == usual:
                    before[number] = usual  # first, for a signal may come as soon as it is heard
                    signal.signal(number, interruption.hear)
        yield interruption
    finally:
        interruption.is_over = True  # or a second signal would throw it out of the next lines
        for number, handler in reversed(before.items()):  # Ctrl-C last: it throws again from then
            signal.signal(number, handler)
