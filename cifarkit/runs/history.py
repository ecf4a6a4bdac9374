"""The history of a run: one record for each epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

from cifarkit.blocks import Block, Readable
from cifarkit.errors import SelectionError
from cifarkit.guidance import Guided, nearest
from cifarkit.runs.columns import column_of
from cifarkit.storage.atomic import write_new_text
from cifarkit.storage.foreign_text import read_text
from cifarkit.tables import Table

__all__ = ["History", "Record"]

Record = dict[str, float]

MOST_CELLS = 2_000_000  # in a file; 100,000 epochs of 20 numbers


class History(Guided, Readable):
    """The records of a run, one for each epoch, in order.

    Every record has `epoch` (counted from 1), `train_loss`, `train_accuracy`, `lr` (at the last
    step, not scaled by a `Group`) and `seconds`; with a val set `val_loss` and `val_accuracy`; with
    `track_test` the same for test; and the columns that callbacks logged. Val and test losses are
    cross-entropy in nats (natural logarithms), the train loss is the recipe's; accuracies are in
    [0, 1]. The train numbers are means over the epoch, computed while the weights changed and with
    dropout on.

    Args:
        records: the epochs so far, `{column: number}` each.

    >>> history = History([{"epoch": 1, "train_loss": 2.1}, {"epoch": 2, "train_loss": 1.7}])
    >>> len(history), history["train_loss"], history[-1]["epoch"]
    (2, [2.1, 1.7], 2)
    """

    def __init__(self, records: list[Record] | None = None) -> None:
        self._records = list(records or [])

    def __len__(self) -> int:
        """Count the epochs."""
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    @overload
    def __getitem__(self, index: str) -> list[float]: ...

    def __getitem__(self, index: int | slice | str) -> Record | list[Record] | list[float]:
        """Return the record of an epoch, counted from 0, those of a slice, or a named column."""
        return self.column(index) if isinstance(index, str) else self._records[index]

    def __contains__(self, item: object) -> bool:
        """Return whether there is such a column, or such a record."""
        return item in (self.columns if isinstance(item, str) else self._records)

    def __repr__(self) -> str:
        return f"History({len(self)} epochs of {', '.join(self.columns)})"

    def blocks(self) -> Sequence[Block]:
        """Return the table, or a sentence if there is no epoch yet."""
        return [self.table()] if len(self) else ["a history of no epochs yet"]

    def table(self) -> Table:
        """Return a table with a row for each epoch; a star marks the lowest val loss so far.

        >>> history = History([{"epoch": 1, "val_loss": 2.1}, {"epoch": 2, "val_loss": 2.3}])
        >>> print(history.table().as_text())
        epoch  val loss
            1    2.1000  *
            2    2.3000
        """
        columns = [column_of(name) for name in self.columns]
        rows = [
            [
                column.show(record[column.name]) if column.name in record else "-"
                for column in columns
            ]
            + ["*" if best else ""]
            for record, best in zip(self, self.best_so_far(), strict=True)
        ]
        return Table(
            [*(column.heading for column in columns), ""],
            rows,
            align="r",
            ranks=[*(column.rank for column in columns), 0],
            widths=[*(column.width for column in columns), 1],
        )

    def best_so_far(self) -> list[bool]:
        """Return for each epoch whether its val loss was the lowest so far.

        >>> History([{"val_loss": 2.1}, {"val_loss": 2.3}, {"train_loss": 1.0}]).best_so_far()
        [True, False, False]
        """
        marks, lowest = [], float("inf")
        for record in self:
            loss = record.get("val_loss", float("nan"))
            marks.append(loss <= lowest)
            lowest = min(lowest, loss) if loss == loss else lowest
        return marks

    @property
    def columns(self) -> list[str]:
        """The names of all columns, in the order of their first appearance."""
        return list(dict.fromkeys(name for record in self._records for name in record))

    def column(self, name: str) -> list[float]:
        """Return one column, with NaN for epochs without such a number.

        Raises:
            SelectionError: no epoch has it; the message lists the columns.
        """
        if name not in self.columns:
            known = ", ".join(self.columns) or "none yet"
            close = nearest(str(name), self.columns)
            guess = f"did you mean {close!r}? It has" if close else "it has"
            raise SelectionError(f"the history has no column {name!r}; {guess} {known}")
        return [record.get(name, float("nan")) for record in self._records]

    def append(self, record: Record) -> None:
        """Add the record of the next epoch."""
        self._records.append(record)

    def as_csv(self) -> str:
        """Return all records as CSV, with a header line.

        >>> print(History([{"epoch": 1, "train_loss": 2.1}]).as_csv(), end="")
        epoch,train_loss
        1,2.1
        """
        text = io.StringIO()
        table = csv.DictWriter(text, self.columns, lineterminator="\n")
        table.writeheader()
        table.writerows(self._records)
        return text.getvalue()

    def to_csv(self, path: str | Path) -> None:
        """Write all records as CSV to a new file, atomically; `as_csv` has the text.

        Raises:
            RunFolderError: the file is there already, and nothing is overwritten.
            OSError: the file cannot be written.
        """
        write_new_text(path, self.as_csv())

    @classmethod
    def from_csv(cls, path: str | Path) -> History:
        """Read what `to_csv` wrote.

        Raises:
            OSError: it is not a regular file, or too large.
            ValueError: it holds something else.
        """
        # Spreadsheets put a mark before the first name, which this encoding leaves out.
        name, text = Path(path).name, read_text(Path(path), encoding="utf-8-sig")
        if text.count(",") + text.count("\n") > MOST_CELLS:
            raise ValueError(f"{name} has more than {MOST_CELLS:,} numbers")
        try:
            columns, *rows = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
        except csv.Error as error:
            raise ValueError(f"{name} is not a table: {error}") from error
        if odd := [row for row in rows if row and len(row) != len(columns)]:
            raise ValueError(
                f"{name} has a row of {len(odd[0]):,} numbers below {len(columns):,} names"
            )
        return cls(
            [
                {
                    column: _number(column, number)
                    for column, number in zip(columns, row, strict=True)
                    if number != ""
                }
                for row in rows
                if row
            ]
        )


def _number(name: str, text: str) -> float:
    return int(text) if name == "epoch" else float(text)
