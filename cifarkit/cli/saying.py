"""What a command prints: results on stdout, and what it says beside them."""

from __future__ import annotations

from contextlib import suppress

import typer

from cifarkit.tables import printable

__all__ = ["echo", "say"]


def echo(text: object = "", *, err: bool = False) -> None:
    """Print lines; what would steer the terminal, as in somebody's folder name, as its code.

    >>> echo("accuracy 85.6 %")
    accuracy 85.6 %
    """
    typer.echo("\n".join(map(printable, str(text).split("\n"))), err=err)


def say(text: str) -> None:
    """Print lines on stderr; that nobody can read them is no reason to end the work.

    >>> say("on stderr")
    """
    with suppress(OSError, ValueError):  # its reader is gone, its disk is full, it is closed
        echo(text, err=True)
