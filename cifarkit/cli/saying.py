"""What a command says beside its results."""

from __future__ import annotations

from contextlib import suppress

import typer

__all__ = ["say"]


def say(text: str) -> None:
    """Print a line on stderr; one that nobody can read is no reason to end the work.

    >>> say("on stderr")
    """
    with suppress(OSError, ValueError):  # its reader is gone, its disk is full, it is closed
        typer.echo(text, err=True)
