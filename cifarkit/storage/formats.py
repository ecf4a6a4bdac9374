"""Check the format of a file, and say what to do with a file of another version."""

from __future__ import annotations

__all__ = ["refusal"]


def refusal(what: str, found: object, known: int) -> str | None:
    """Return why a file's format cannot be read, and what to do; None if it can be read.

    Args:
        what: how messages call the file.
        found: the format that it names.
        known: the only format so far.

    >>> refusal("the run in 'a'", 2, known=1)
    "the run in 'a' has format 2, this version reads 1; install a newer cifarkit"
    >>> refusal("the run in 'a'", 1, known=1)
    """
    if type(found) is int and found == known:  # True is an int to Python, and equal to 1
        return None
    if type(found) is int and found > known:
        hint = "install a newer cifarkit"
    else:
        hint = "no version wrote that, so it is damaged: put a copy back, or train again"
    return f"{what} has format {found!r}, this version reads {known}; {hint}"
