"""Show the progress of work in a notebook, on a terminal, or line by line in a log."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TextIO, cast

from cifarkit.blocks import Bar, Block, as_html, as_text
from cifarkit.tables import Table

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Display", "Notebook", "display_on", "in_notebook", "is_terminal"]

REDRAWS = 10  # a second, at most


def in_notebook() -> bool:
    """Return whether this is a Jupyter kernel, including Colab's.

    >>> in_notebook()
    False
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # Check the base classes, too: Colab's shell is a subclass of Jupyter's.
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal in which lines can be redrawn.

    >>> import io
    >>> is_terminal(io.StringIO()), is_terminal(None)
    (False, False)
    """
    try:
        is_tty = stream is not None and stream.isatty()
    except (AttributeError, ValueError):  # not a stream, or closed
        return False
    return is_tty and os.environ.get("TERM") not in ("dumb", "unknown")


def display_on(stream: TextIO | None) -> Display:
    """Return the display for a notebook, or else the display for the kind of stream.

    Args:
        stream: where to write outside of a notebook; nothing is shown when None.

    >>> display_on(sys.stdout).say("two of three are done")
    two of three are done
    """
    if in_notebook():
        return Notebook()
    if stream is None:
        return Display()
    return Terminal(stream) if is_terminal(stream) else Lines(stream)


class Display:
    """A display that shows nothing; the base of all displays."""

    def say(self, line: str) -> None:
        """Show a line that stays."""

    def log(self, line: str) -> None:
        """Write a line where rows and blocks cannot be drawn."""

    def row(self, table: Table) -> None:
        """Show a table that has one more row than the last time."""

    def show(self, *blocks: Block) -> None:
        """Show these blocks instead of the earlier ones."""

    def close(self) -> None:
        """End the display; everything shown stays."""


class Lines(Display):
    """Lines for log files and pipes: no control characters, flushed at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = _unbroken(stream)

    def say(self, line: str) -> None:
        """Write a line."""
        print(line, file=self._stream, flush=True)

    def log(self, line: str) -> None:
        """Write a line."""
        self.say(line)


class Terminal(Display):
    """Lines and rows that stay, above blocks that are redrawn."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console, Group  # which takes a tenth of a second
        from rich.live import Live

        self._blocks: tuple[Block, ...] = ()
        self._head = ""
        self._console = Console(file=_unbroken(stream), highlight=False)
        self._live = Live(
            get_renderable=lambda: Group(*map(self._drawn, self._blocks)),
            console=self._console,
            refresh_per_second=REDRAWS,
        )
        self._live.start()

    def say(self, line: str) -> None:
        """Write a line above the blocks."""
        self._write(line, "dim")

    def row(self, table: Table) -> None:
        """Write the last row, with headings above it if it is the first or they have changed."""
        last = replace(table, rows=table.rows[-1:])
        head, row = last.as_text(self._console.width).split("\n")
        if head != self._head:
            self._head = head
            self._write(head, "bold")
        self._write(row)

    def show(self, *blocks: Block) -> None:
        """Show these blocks at the next redraw."""
        self._blocks = blocks

    def close(self) -> None:
        """Draw the blocks for the last time."""
        self._live.stop()

    def _write(self, line: str, style: str = "none") -> None:
        self._live.refresh()  # else old blocks would stay below the line
        self._console.print(line, style=style, markup=False)

    def _drawn(self, block: Block) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table as Grid
        from rich.text import Text

        if not isinstance(block, Bar):
            return Text(as_text(block))
        grid = Grid.grid(padding=(0, 1), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        bar = ProgressBar(block.total, block.done)
        grid.add_row(Text(block.text), bar, f"{block.done}/{block.total}")
        return grid


class Notebook(Display):
    """One output below a cell, updated in place; as HTML, and as text where HTML is not shown."""

    def __init__(self) -> None:
        from IPython.display import display

        self._table: tuple[Block, ...] = ()
        self._blocks: tuple[Block, ...] = ()
        self._lines: tuple[Block, ...] = ()
        make: Any = display  # untyped
        self._output: Any = make(self._representations(), raw=True, display_id=True)

    def say(self, line: str) -> None:
        """Add a line below all the rest."""
        self._lines += (line,)
        self._update()

    def row(self, table: Table) -> None:
        """Show the table, above all the rest."""
        self._table = (table,)
        self._update()

    def show(self, *blocks: Block) -> None:
        """Show these blocks instead of the earlier ones."""
        self._blocks = blocks
        self._update()

    def _update(self) -> None:
        self._output.update(self._representations(), raw=True)

    def _representations(self) -> dict[str, str]:
        blocks = (*self._table, *self._blocks, *self._lines)
        return {"text/html": as_html(*blocks), "text/plain": as_text(*blocks)}


class _Unbroken:
    """A stream that ignores errors when it is closed or its reader is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _unbroken(stream: TextIO) -> TextIO:
    return cast(TextIO, _Unbroken(stream))
