"""The table of a run, as text: what stands in each column, and which columns fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cifarkit.training.history import Record

__all__ = [
    "BEST_NOTE",
    "COLUMNS",
    "Column",
    "choose_columns",
    "format_row",
    "headings",
    "is_best",
]

BEST_NOTE = "* best val loss so far"


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        name: in the history.
        heading: above the column.
        width: in characters; numbers stand to the right.
        show: turns the number into text.
        rank: what is left out first where there is no room has the highest.
    """

    name: str
    heading: str
    width: int
    show: Callable[[float], str]
    rank: int


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _loss(nats: float) -> str:
    return f"{nats:.4f}"


COLUMNS = (
    Column("epoch", "epoch", 5, lambda number: f"{number:.0f}", 0),
    Column("train_loss", "train loss", 10, _loss, 4),
    Column("train_accuracy", "train acc", 9, _percent, 5),
    Column("val_loss", "val loss", 8, _loss, 2),
    Column("val_accuracy", "val acc", 7, _percent, 1),
    Column("test_loss", "test loss", 9, _loss, 8),
    Column("test_accuracy", "test acc", 8, _percent, 7),
    Column("lr", "lr", 8, lambda rate: f"{rate:.2g}", 6),
    Column("seconds", "seconds", 7, lambda seconds: f"{seconds:.1f}", 3),
)
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


def is_best(records: list[Record]) -> bool:
    """Tell whether the last epoch has the lowest val loss of all so far."""
    losses = [record["val_loss"] for record in records if "val_loss" in record]
    return bool(losses) and losses[-1] == min(losses)
