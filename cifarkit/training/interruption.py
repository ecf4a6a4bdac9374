"""Handle Ctrl-C and SIGTERM in training: the step is finished, then all is saved."""

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
    """Whether a signal has asked training to end, and the function to call then.

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
        """Record the first signal.

        Raises:
            KeyboardInterrupt: it is the second signal: the user does not want to wait for the step.
        """
        if self.heard and not self.is_over:
            raise KeyboardInterrupt
        self.heard = True
        self._interrupt()

    def tell(self, interrupt: Callable[[], None]) -> None:
        """Call a function at the first signal, or at once if there was a signal already."""
        self._interrupt = interrupt
        if self.heard:
            interrupt()


@contextmanager
def noticed_interruptions() -> Iterator[Interruption]:
    """Record Ctrl-C and SIGTERM in a block, instead of raising KeyboardInterrupt.

    A signal with another handler keeps that handler. Only the main thread gets signals.
    """
    interruption = Interruption()
    before: dict[signal.Signals, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number, usual in SIGNALS.items():
                if signal.getsignal(number) == usual:
                    before[number] = usual  # first, because a signal may come at once
                    signal.signal(number, interruption.hear)
        yield interruption
    finally:
        interruption.is_over = True  # else a second signal would interrupt the next lines
        for number, handler in reversed(before.items()):  # Ctrl-C last: then it raises again
            signal.signal(number, handler)
