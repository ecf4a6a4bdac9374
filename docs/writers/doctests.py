"""Show the examples of docstrings as code.

cifarkit's docstrings end in doctests without a heading, and open blocks of code with `::`, as
`help()` and the doctest module like it. Markdown takes `>>>` for a quotation and `::` for text.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

__all__ = ["Doctests", "in_markdown"]

EXAMPLE = re.compile(r"^( *)>>> .*(?:\n(?! *\n| *$).*)*", re.MULTILINE)


class Doctests(griffe.Extension):
    """Rewrites every docstring as it is read; see `in_markdown`."""

    def on_object(self, *, obj: griffe.Object, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = in_markdown(obj.docstring.value)


def in_markdown(docstring: str) -> str:
    """Put fences around examples, and end the line before a block of code in one colon.

    >>> print(in_markdown("Count::\\n\\n    a tree\\n\\n>>> 1 + 1\\n2"))
    Count:
    <BLANKLINE>
        a tree
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    """
    text = EXAMPLE.sub(lambda found: f"{found[1]}```pycon\n{found[0]}\n{found[1]}```", docstring)
    return re.sub(r"::$", ":", text, flags=re.MULTILINE)
