"""Which columns of the history something may choose by: val selects, test reports."""

from __future__ import annotations

from cifarkit.errors import SelectionError
from cifarkit.guidance import nearest
from cifarkit.runs.run import Run

__all__ = ["check_column"]


def check_column(column: str, run: Run) -> None:
    """Refuse a column that will not be there, or that nothing may choose by.

    Args:
        column: a name of the history's columns.
        run: about to train.

    Raises:
        SelectionError: it is of test, of val where there is no val, or nothing logs it.
    """
    if column.startswith("test"):
        raise SelectionError(
            f"nothing may choose by {column!r}: what is chosen on test no longer tells how the "
            f"network does on new images. Choose by {'val' + column[4:]!r}"
        )
    if column.startswith("val_") and run.state.splits.val is None:
        raise SelectionError(
            f"there is no {column!r}, because the data was loaded with val_size=0; "
            "load it with a val set, and then choose by it"
        )
    parts = ("train",) if run.state.splits.val is None else ("train", "val")
    known = [f"{part}_{number}" for part in parts for number in ("loss", "accuracy")]
    known += run.facts.logged_columns
    if column not in known:
        close = nearest(column, known)
        guess = f"did you mean {close!r}? " if close else ""
        raise SelectionError(
            f"there will be no column {column!r}; {guess}Known are {', '.join(known)}. "
            "A callback that logs another names it in its `columns`"
        )
