"""Percent scripts: a tutorial is one file that is a program, a page and a notebook.

`# %% [markdown]` opens a cell of text, `# %%` a cell of code, and `# %% tags=["solution"]` a cell
of code that a page keeps behind a click.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Cell", "parse", "without_links"]

MARKER = re.compile(r"^# %%(.*)\n\s*", re.MULTILINE)
SOLUTION = 'tags=["solution"]'
REFERENCE = re.compile(r"\[(`[^`]+`)\]\[[^\]]*\]|\[([^\]]+)\]\([^)]*\.md[^)]*\)")


@dataclass(frozen=True)
class Cell:
    """One cell.

    Args:
        kind: `"markdown"`, `"code"` or `"solution"`.
        text: what is in it, without the marker and without `# ` before each line of text.
        line: the line of the script where it begins, from 1.
    """

    kind: str
    text: str
    line: int = 1


def parse(script: str) -> list[Cell]:
    r"""Cut a percent script into its cells.

    >>> [cell.kind for cell in parse("# %% [markdown]\n# # A title\n\n# %%\nprint(1)\n")]
    ['markdown', 'code']
    """
    markers = list(MARKER.finditer(script))
    ends = [*(marker.start() for marker in markers[1:]), len(script)]
    cells = [
        _cell(marker[1], script[marker.end() : end], script.count("\n", 0, marker.end()) + 1)
        for marker, end in zip(markers, ends, strict=True)
    ]
    return [cell for cell in cells if cell.text]


def without_links(text: str) -> str:
    """Return a text with the words of its links into the site, and not where they lead.

    >>> without_links("see [how](../how-to/tune.md), and [`fit`][cifarkit.fit]")
    'see how, and `fit`'
    """
    return REFERENCE.sub(lambda found: found[1] or found[2], text)


def _cell(marker: str, body: str, line: int) -> Cell:
    if "[markdown]" not in marker:
        return Cell("solution" if SOLUTION in marker else "code", body.strip(), line)
    lines = [line.removeprefix("#").removeprefix(" ") for line in body.strip().splitlines()]
    return Cell("markdown", "\n".join(lines), line)
