"""Whether one sits in a notebook, where some things are shown and ended in other ways."""

from __future__ import annotations

import sys
from typing import Any

from cifarkit.tables import Block, as_html, as_text

__all__ = ["NotebookDisplay", "in_notebook"]


def in_notebook() -> bool:
    """Return whether this is a Jupyter kernel, Colab's included.

    >>> in_notebook()
    False
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # By all its kinds: Colab's own is made from Jupyter's.
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__)


class NotebookDisplay:
    """One output below a cell, updated in place; as HTML, and as text where HTML is not shown."""

    def __init__(self, *blocks: Block) -> None:
        from IPython.display import display

        show: Any = display  # untyped
        self._handle: Any = show(_forms(blocks), raw=True, display_id=True)

    def update(self, *blocks: Block) -> None:
        """Show these blocks in place of those before."""
        self._handle.update(_forms(blocks), raw=True)


def _forms(blocks: tuple[Block, ...]) -> dict[str, str]:
    return {"text/html": as_html(*blocks), "text/plain": as_text(*blocks)}
