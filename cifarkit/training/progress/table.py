"""The table of a run on a terminal: which columns fit, and one line an epoch."""

from __future__ import annotations

from cifarkit.runs.columns import COLUMNS, Column
from cifarkit.runs.history import Record

__all__ = ["BEST_NOTE", "choose_columns", "format_row", "headings"]

BEST_NOTE = "* best val loss so far"
GAP = "  "


def choose_columns(record: Record, width: int) -> tuple[Column, ...]:
    """Return the columns that the record has and the width has room for.

    Args:
        record: of an epoch.
        width: in characters.

    >>> [column.name for column in choose_columns({"epoch": 1, "val_loss": 2.0, "lr": 0.1}, 20)]
    ['epoch', 'val_loss']
    """
    chosen = {column for column in COLUMNS if column.name in record}
    while chosen and sum(column.width + len(GAP) for column in chosen) > width:
        chosen.remove(max(chosen, key=lambda column: column.rank))
    return tuple(column for column in COLUMNS if column in chosen)


def headings(columns: tuple[Column, ...]) -> str:
    """Return the line above the rows."""
    return GAP.join(f"{column.heading:>{column.width}}" for column in columns)


def format_row(columns: tuple[Column, ...], record: Record, best: bool) -> str:
    """Return one line of the table; a star marks the best epoch so far."""
    cells = [f"{column.show(record[column.name]):>{column.width}}" for column in columns]
    return GAP.join(cells) + (" *" if best else "")
