"""Files that another version wrote: which are read, and what to do about the others."""

from __future__ import annotations

__all__ = ["refusal"]


def refusal(what: str, found: object, known: int) -> str | None:
    """Say why a file of another format is not read, and what to do; None where it is.

    Args:
        what: the file, in words.
        found: the format that it names.
        known: the one format that there has been so far.

    >>> refusal("the run in 'a'", 2, known=1)
    "the run in 'a' has format 2, this version reads 1; install a newer cifarkit"
    >>> refusal("the run in 'a'", 1, known=1)
    """
    if type(found) is int and found == known:  # True is an int to Python, and equal to 1
        return None
    if type(found) is int and found > known:
        cure = "install a newer cifarkit"
    else:
        cure = "no version wrote that, so it is damaged: put a copy back, or train anew"
    return f"{what} has format {found!r}, this version reads {known}; {cure}"
