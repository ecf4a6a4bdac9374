"""The columns of a history: their headings, and how their numbers are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cifarkit.tables import percent

__all__ = ["COLUMNS", "Column", "column_of"]


@dataclass(frozen=True)
class Column:
    """One column of a history.

    Args:
        name: the name in the history.
        heading: the heading above the column.
        width: the width, in characters; numbers are aligned to the right.
        show: turns the number into text.
        rank: without room, the column with the highest rank is left out first.
    """

    name: str
    heading: str
    width: int
    show: Callable[[float], str]
    rank: int


def _loss(nats: float) -> str:
    return f"{nats:.4f}"


def _logged(number: float) -> str:
    return f"{number:.4g}"


COLUMNS = (
    Column("epoch", "epoch", 5, lambda number: f"{number:.0f}", 0),
    Column("train_loss", "train loss", 10, _loss, 4),
    Column("train_accuracy", "train acc", 9, percent, 5),
    Column("val_loss", "val loss", 8, _loss, 2),
    Column("val_accuracy", "val acc", 7, percent, 1),
    Column("test_loss", "test loss", 9, _loss, 8),
    Column("test_accuracy", "test acc", 8, percent, 7),
    Column("lr", "lr", 8, lambda rate: f"{rate:.2g}", 6),
    Column("seconds", "seconds", 7, lambda seconds: f"{seconds:.1f}", 3),
)
_BY_NAME = {column.name: column for column in COLUMNS}


def column_of(name: str) -> Column:
    """Return the column of a name; a column that a callback logged has its name as heading.

    >>> column_of("val_loss").heading, column_of("gradient_norm").show(0.123456)
    ('val loss', '0.1235')
    """
    return _BY_NAME.get(name) or Column(name, name, max(8, len(name)), _logged, 9)
