"""Check by which columns of the history one may choose: val selects, test reports."""

from __future__ import annotations

from cifarkit.errors import SelectionError
from cifarkit.guidance import nearest
from cifarkit.runs.run import Run

__all__ = ["check_column"]


def check_column(column: str, run: Run) -> None:
    """Refuse a column that will not be there, or that is only for reports.

    Args:
        column: a name of the history's columns.
        run: a run that is about to train.

    Raises:
        SelectionError: it is a column of test, or of val without a val set, or nothing logs it.
    """
    if column.startswith("test"):
        raise SelectionError(
            f"nothing may choose by {column!r}: after a choice on test, its numbers no longer "
            f"show how the network does on new images. Choose by {'val' + column[4:]!r}"
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
        guess = f"did you mean {close!r}? Known" if close else "known"
        raise SelectionError(
            f"there will be no column {column!r}; {guess} are {', '.join(known)}. "
            "A callback that logs another names it in its `columns`"
        )
