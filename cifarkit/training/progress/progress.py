"""The callback that shows a run; it picks the renderer that suits where it writes."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Literal, Protocol, TextIO

from cifarkit.errors import TrainingError
from cifarkit.runs.run import Run
from cifarkit.training.callback import Callback
from cifarkit.training.notebook import NotebookDisplay, in_notebook
from cifarkit.training.progress.notebook import Notebook
from cifarkit.training.progress.pace import Pace
from cifarkit.training.progress.plain import Plain
from cifarkit.training.progress.terminal import Terminal
from cifarkit.training.watching import is_terminal, wants_progress

__all__ = ["Progress", "Renderer", "ShowProgress", "end_call", "with_progress"]

ShowProgress = bool | Literal["auto"]

TRAIN_NOTE = "train: means over the epoch, while the weights moved and any dropout was on"


class Renderer(Protocol):
    """What shows a run somewhere."""

    def note(self, text: str) -> None:
        """Show a line of its own."""

    def step(self, run: Run, pace: Pace) -> None:
        """Show that a step is done."""

    def row(self, run: Run, pace: Pace) -> None:
        """Show the epoch that just ended."""

    def close(self) -> None:
        """Leave the place tidy."""


class Progress(Callback):
    """Show one row an epoch, how far the epoch is, and how long the run will take.

    `ck.train` and `ck.Trainer` add one where somebody watches; see their `show_progress`. On a
    terminal finished rows stay above one live bar; in a notebook there is one table; and
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
        self._pace = Pace()

    def on_fit_start(self, run: Run) -> None:
        """Choose the renderer."""
        self._renderer = _choose(self.stream if self.stream is not None else sys.stderr)
        self._pace = Pace()
        if "resumed" in run.facts:
            self._show("note", f"goes on from {run.facts['resumed'][-1]}")

    def on_batch_end(self, run: Run) -> None:
        """Move the bar; after the very first batch, say how its loss compares with guessing."""
        if self._renderer is None:
            return
        state = run.state
        if state.epoch == state.step == 0 and state.loss is not None:
            classes = len(run.classes)
            self._show(
                "note",
                f"first batch: loss {state.loss.item():.3f}; guessing among "
                f"{classes} classes costs ln {classes} = {math.log(classes):.3f}",
            )
            if reason := run.facts.get("steps_by_hand_because"):
                self._show("note", f"steps are made by hand, which takes longer: {reason}")
        self._pace.count()
        self._show("step", run, self._pace)

    def on_epoch_end(self, run: Run) -> None:
        """Show the row."""
        self._show("row", run, self._pace)

    def on_fit_end(self, run: Run) -> None:
        """Say why it stopped, if it did, and what the train numbers are."""
        if len(run.history):
            self._show("note", TRAIN_NOTE)
        if run.stopped:
            self._show("note", f"stopped: {run.stopped}")
        elif run.requests.interruption and len(run.history) < run.recipe.epochs:
            where = f"in epoch {run.state.epoch + 1} of {run.recipe.epochs}"
            # A command says itself what to type; Python's way is for who wrote Python.
            way_on = "all is saved" if "command" in run.facts else run.way_on
            self._show("note", f"interrupted {where}: {way_on}")
        self._show("close")

    def _show(self, what: str, *arguments: object) -> None:
        if self._renderer is None:
            return
        try:
            getattr(self._renderer, what)(*arguments)
        except (OSError, ValueError):  # the stream is closed or its reader gone: train on
            self._renderer = None


def with_progress(callbacks: Sequence[Callback], show_progress: ShowProgress) -> Sequence[Callback]:
    """Return who listens to a training: the callbacks, and a progress table where one is wanted.

    The table is not among the callbacks of the run's records: those do not depend on who watched.

    Args:
        callbacks: those of the user; where a `Progress` is among them, none is added.
        show_progress: True, False or `"auto"`.

    Raises:
        TrainingError: `show_progress` is none of the three.
    """
    wanted = wants_progress(show_progress, error=TrainingError)
    return [*callbacks, Progress()] if wanted and not _shows(callbacks) else callbacks


def end_call(run: Run, listeners: Sequence[Callback]) -> None:
    """End a call of `fit`: after Ctrl-C a notebook gets the run back, and is told how to go on.

    Args:
        run: as far as it has come.
        listeners: where a `Progress` is among them, it has told the user already.

    Raises:
        KeyboardInterrupt: it was interrupted outside of a notebook.
    """
    if not run.requests.interruption:
        return
    if not in_notebook():
        raise KeyboardInterrupt(run.way_on)
    if not run.is_over and not _shows(listeners):
        NotebookDisplay(f"interrupted: {run.way_on}")


def _shows(callbacks: Sequence[Callback]) -> bool:
    return any(isinstance(callback, Progress) for callback in callbacks)


def _choose(stream: TextIO | None) -> Renderer | None:
    if in_notebook():
        return Notebook()
    if stream is None or getattr(stream, "closed", False):
        return None
    return Terminal(stream) if is_terminal(stream) else Plain(stream)
