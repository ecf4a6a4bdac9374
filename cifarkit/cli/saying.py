"""What a command prints: results on stdout, and messages on stderr."""

from __future__ import annotations

from contextlib import suppress

import typer

from cifarkit.tables import printable

__all__ = ["echo", "say"]


def echo(text: object = "", *, err: bool = False) -> None:
    """Print lines; characters that control the terminal are printed as their codes.

    >>> echo("accuracy 85.6 %")
    accuracy 85.6 %
    """
    typer.echo("\n".join(map(printable, str(text).split("\n"))), err=err)


def say(text: str) -> None:
    """Print lines on stderr; continue even if they cannot be printed.

    >>> say("on stderr")
    """
    with suppress(OSError, ValueError):  # its reader is gone, its disk is full, it is closed
        echo(text, err=True)
