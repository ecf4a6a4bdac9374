"""The callback that shows a run; it picks the renderer that suits where it writes."""

from __future__ import annotations

import math
import os
import sys
from typing import Protocol, TextIO

from cifarkit.training.callback import Callback
from cifarkit.training.notebook import in_notebook
from cifarkit.training.progress.notebook import Notebook
from cifarkit.training.progress.plain import Plain
from cifarkit.training.progress.terminal import Terminal
from cifarkit.training.run import Run

__all__ = ["Progress", "Renderer"]

TRAIN_NOTE = "train: means over the epoch, while the weights moved and any dropout was on"


class Renderer(Protocol):
    """What shows a run somewhere."""

    def note(self, text: str) -> None:
        """Show a line of its own."""

    def step(self, run: Run) -> None:
        """Show that a step is done."""

    def row(self, run: Run) -> None:
        """Show the epoch that just ended."""

    def close(self) -> None:
        """Leave the place tidy."""


class Progress(Callback):
    """Show one row an epoch, and how far the epoch is.

    On a terminal finished rows stay above one live bar; in a notebook there is one table; and
    anywhere else, such as a log file, one plain line an epoch. It writes to stderr, and goes on
    in silence when nobody reads it any more.

    Args:
        stream: where to write; `sys.stderr` when None.

    >>> import io
    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.training.train import train
    >>> log = io.StringIO()
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> run = train("linear", data, epochs=1, callbacks=[Progress(log)])
    >>> log.getvalue().splitlines()[1].startswith("epoch 1/1  train_loss ")
    True
    """

    everywhere = False

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream
        self._renderer: Renderer | None = None

    def on_fit_start(self, run: Run) -> None:
        """Choose the renderer."""
        self._renderer = _choose(self.stream if self.stream is not None else sys.stderr)
        if "resumed" in run.facts:
            self._show("note", f"goes on from {run.facts['resumed'][-1]}")

    def on_batch_end(self, run: Run) -> None:
        """Move the bar; after the very first batch, say how its loss compares with guessing."""
        if self._renderer is None:
            return
        now = run.now
        if now.epoch == now.step == 0 and now.loss is not None:
            classes = len(run.classes)
            self._show(
                "note",
                f"first batch: loss {now.loss.item():.3f}; guessing among "
                f"{classes} classes costs ln {classes} = {math.log(classes):.3f}",
            )
            if reason := run.facts.get("steps_by_hand_because"):
                self._show("note", f"steps are made by hand, which takes longer: {reason}")
        self._show("step", run)

    def on_epoch_end(self, run: Run) -> None:
        """Show the row."""
        self._show("row", run)

    def on_fit_end(self, run: Run) -> None:
        """Say why it stopped, if it did, and what the train numbers are."""
        if run.stopped:
            self._show("note", f"stopped: {run.stopped}")
        if len(run.history):
            self._show("note", TRAIN_NOTE)
        self._show("close")

    def _show(self, what: str, *arguments: object) -> None:
        if self._renderer is None:
            return
        try:
            getattr(self._renderer, what)(*arguments)
        except (OSError, ValueError):  # the stream is closed or its reader gone: train on
            self._renderer = None


def _choose(stream: TextIO | None) -> Renderer | None:
    if in_notebook():
        return Notebook()
    if stream is None or stream.closed:
        return None
    if stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        return Terminal(stream)
    return Plain(stream)
