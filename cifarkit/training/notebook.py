"""Whether one sits in a notebook, where some things are shown and ended in other ways."""

from __future__ import annotations

import sys

__all__ = ["in_notebook"]


def in_notebook() -> bool:
    """Tell whether this is a Jupyter kernel, Colab's included.

    >>> in_notebook()
    False
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # By all its kinds: Colab's own is made from Jupyter's.
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__)
