"""The callback that shows a run while it trains."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, Literal, TextIO

from cifarkit.arguments import checked
from cifarkit.blocks import Bar
from cifarkit.display import Display, Notebook, display_on, in_notebook, is_terminal
from cifarkit.errors import CifarkitError, TrainingError
from cifarkit.runs.columns import column_of
from cifarkit.runs.run import Run
from cifarkit.training.callback import Callback
from cifarkit.training.progress.pace import Pace

__all__ = ["Progress", "ShowProgress", "end_call", "wants_progress", "with_progress"]

ShowProgress = bool | Literal["auto"]

MOVES = 50  # of the bar in an epoch, at most
TRAIN_NOTE = "train: means over the epoch, while the weights moved and any dropout was on"


class Progress(Callback):
    """Show one row an epoch, how far the epoch is, and how long the run will take.

    `ck.train` and `ck.Trainer` add one in notebooks and on terminals; see their `show_progress`. On
    a terminal, finished rows stay above one live bar. In a notebook there is one table, and
    elsewhere, such as in a log file, one plain line for each epoch. It writes to stderr. If stderr
    is closed, training continues without output.

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

    all_ranks = False
    fields = ()

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream
        self._display = Display()
        self._pace = Pace()

    def on_fit_start(self, run: Run) -> None:
        """Choose the display."""
        self._display = display_on(self.stream if self.stream is not None else sys.stderr)
        self._pace = Pace()
        if run.facts.resumed:
            self._display.say(f"resumes from {run.facts.resumed[-1]}")

    def on_batch_end(self, run: Run) -> None:
        """Move the bar; after the first batch, say how its loss compares with guessing."""
        state = run.state
        if state.epoch == state.step == 0 and state.loss is not None:
            classes = len(run.classes)
            self._display.say(
                f"first batch: loss {state.loss.item():.3f}; guessing among "
                f"{classes} classes costs ln {classes} = {math.log(classes):.3f}"
            )
            if reason := run.facts.eager_because:
                self._display.say(f"steps run eagerly, which takes longer: {reason}")
        self._pace.count()
        if state.step % max(1, state.steps_per_epoch // MOVES) == 0:
            words = f"epoch {state.epoch + 1} of {run.recipe.epochs}"
            left = self._pace.in_words(run, "; ")
            self._display.show(
                Bar(state.step + 1, state.steps_per_epoch, words + left), *_legend(run)
            )

    def on_epoch_end(self, run: Run) -> None:
        """Show the row."""
        self._display.row(run.history.table())
        self._display.log(_line(run) + self._pace.in_words(run, "  "))

    def on_fit_end(self, run: Run) -> None:
        """Say why training stopped, if it did, and what the train numbers mean."""
        self._display.show(*_legend(run))
        if len(run.history):
            self._display.say(TRAIN_NOTE)
        if run.stopped:
            self._display.say(f"stopped: {run.stopped}")
        elif run.requests.interruption and len(run.history) < run.recipe.epochs:
            where = f"in epoch {run.state.epoch + 1} of {run.recipe.epochs}"
            # A command says itself what to type; Python code is only for users of Python.
            way_on = "all is saved" if run.facts.command is not None else run.way_on
            self._display.say(f"interrupted {where}: {way_on}")
        self._display.close()


def wants_progress(show_progress: Any, *, error: type[CifarkitError]) -> bool:
    """Return whether to show progress: `"auto"` does in a notebook and on a terminal.

    Args:
        show_progress: as the user gave it.
        error: what to raise for any other value.

    >>> wants_progress(True, error=TrainingError)
    True
    """
    if isinstance(show_progress, str) and show_progress == "auto":
        return in_notebook() or is_terminal(sys.stderr)
    if isinstance(show_progress, str):
        raise error(f'show_progress must be True, False or "auto", found {show_progress!r}')
    wanted: bool = checked("show_progress", show_progress, bool, error=error)
    return wanted


def with_progress(callbacks: Sequence[Callback], show_progress: ShowProgress) -> Sequence[Callback]:
    """Return the callbacks of a training, with a progress table if one is wanted.

    The table is not in the run's records, because they must not depend on where a run was shown.

    Args:
        callbacks: the user's callbacks; if a `Progress` is among them, none is added.
        show_progress: True, False or `"auto"`.

    Raises:
        TrainingError: `show_progress` is not one of the three.
    """
    wanted = wants_progress(show_progress, error=TrainingError)
    return [*callbacks, Progress()] if wanted and not _shows(callbacks) else callbacks


def end_call(run: Run, listeners: Sequence[Callback]) -> None:
    """End a call of `fit`: after Ctrl-C, a notebook gets the run, and a line on how to resume.

    Args:
        run: the run so far.
        listeners: the callbacks; if a `Progress` is among them, it has shown the line already.

    Raises:
        KeyboardInterrupt: it was interrupted outside of a notebook.
    """
    if not run.requests.interruption:
        return
    if not in_notebook():
        raise KeyboardInterrupt(run.way_on)
    if not run.is_over and not _shows(listeners):
        Notebook().say(f"interrupted: {run.way_on}")


def _shows(callbacks: Sequence[Callback]) -> bool:
    return any(isinstance(callback, Progress) for callback in callbacks)


def _legend(run: Run) -> list[str]:
    return ["* best val loss so far"] if any(run.history.best_so_far()) else []


def _line(run: Run) -> str:
    """Return the numbers of the last epoch, each after its name."""
    record = run.history[-1]
    cells = [f"epoch {record['epoch']}/{run.recipe.epochs}"]
    cells += [
        f"{name} {column_of(name).show(number)}"
        for name, number in record.items()
        if name != "epoch"
    ]
    cells += ["best val loss"] if run.history.best_so_far()[-1] else []
    return "  ".join(cells)
