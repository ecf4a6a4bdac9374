"""One HTML table that grows, for notebooks; still a plain table when read elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from cifarkit.training.progress.table import BEST_NOTE, choose_columns, is_best
from cifarkit.training.run import Run

__all__ = ["Notebook"]

EVERYTHING = 1_000  # a page has room for every column


class Notebook:
    """Show a table below the cell."""

    def __init__(self) -> None:
        from IPython.display import display

        self._rows: list[str] = []
        self._heading = ""
        self._notes: list[str] = []
        self._bar = ""
        self._handle: Any = display(self._page(), display_id=True)

    def note(self, text: str) -> None:
        """Show a line below the table."""
        self._notes.append(text)
        self._update()

    def step(self, run: Run) -> None:
        """Show how far the epoch is, at some hundred places."""
        now = run.now
        every = max(1, now.steps_per_epoch // 100)
        if now.step % every == 0:
            self._bar = (
                f"<progress value={now.step + 1} max={now.steps_per_epoch}></progress> "
                f"epoch {now.epoch + 1}/{run.recipe.epochs}"
            )
            self._update()

    def row(self, run: Run) -> None:
        """Add the epoch's row."""
        record = run.history[-1]
        columns = choose_columns(record, EVERYTHING)
        self._heading = "".join(f"<th>{escape(column.heading)}</th>" for column in columns)
        cells = "".join(
            f"<td>{escape(column.show(record[column.name]))}</td>" for column in columns
        )
        best = is_best(list(run.history))
        self._rows.append(f"<tr>{cells}<td>{'*' if best else ''}</td></tr>")
        if best and BEST_NOTE not in self._notes:
            self._notes.append(BEST_NOTE)
        self._update()

    def close(self) -> None:
        """Take the bar away."""
        self._bar = ""
        self._update()

    def _update(self) -> None:
        self._handle.update(self._page())

    def _page(self) -> Any:
        from IPython.display import HTML

        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes)
        table = f"<table><tr>{self._heading}<th></th></tr>{''.join(self._rows)}</table>"
        return HTML((table if self._rows else "") + self._bar + notes)
