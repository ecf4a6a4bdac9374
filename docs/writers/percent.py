"""Percent scripts: one file that is a program, a page and a notebook.

`# %% [markdown]` opens a cell of text, `# %%` a cell of code, and `# %% tags=["solution"]` a cell
of code that a page keeps behind a click.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Cell", "parse", "to_markdown", "to_notebook"]

MARKER = re.compile(r"^# %%(.*)\n", re.MULTILINE)
INSTALL = "# Once, where cifarkit is not installed yet, as on Colab:"
SOLUTION = 'tags=["solution"]'
DIAGRAM = re.compile(r"^<!-- diagram: .* -->\n*", re.MULTILINE)  # is drawn by the site alone
REFERENCE = re.compile(r"\[(`[^`]+`)\]\[[^\]]*\]|\[([^\]]+)\]\([^)]*\.md[^)]*\)")


@dataclass(frozen=True)
class Cell:
    """One cell.

    Args:
        kind: `"markdown"`, `"code"` or `"solution"`.
        text: what is in it, without the marker and without `# ` before each line of text.
    """

    kind: str
    text: str


def parse(script: str) -> list[Cell]:
    """Cut a percent script into its cells.

    >>> [cell.kind for cell in parse("# %% [markdown]\\n# # A title\\n\\n# %%\\nprint(1)\\n")]
    ['markdown', 'code']
    """
    _, *parts = MARKER.split(script)
    cells = [_cell(marker, body) for marker, body in zip(parts[::2], parts[1::2], strict=True)]
    return [cell for cell in cells if cell.text]


def to_markdown(cells: list[Cell]) -> str:
    """Return the page: text as it stands, code in fences, solutions folded."""
    return "\n\n".join(_PAGE[cell.kind](cell.text) for cell in cells) + "\n"


def to_notebook(cells: list[Cell], repository: str = "") -> str:
    """Return a notebook, format 4.5, without outputs; links into the site become plain text, and
    diagrams are left out.

    With the address of a repository, its first cell installs cifarkit from there.
    """
    if repository:
        cells = [Cell("code", f"{INSTALL}\n%pip install --quiet git+{repository}"), *cells]
    document = {
        "cells": [_notebook_cell(number, cell) for number, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _cell(marker: str, body: str) -> Cell:
    if "[markdown]" not in marker:
        return Cell("solution" if SOLUTION in marker else "code", body.strip())
    lines = [line.removeprefix("#").removeprefix(" ") for line in body.strip().splitlines()]
    return Cell("markdown", "\n".join(lines))


def _fenced(code: str) -> str:
    return f"```python\n{code}\n```"


def _folded(code: str) -> str:
    lines = [f"    {line}".rstrip() for line in _fenced(code).splitlines()]
    return "\n".join(['??? note "Solution"', "", *lines])


_PAGE: dict[str, Callable[[str], str]] = {"markdown": str, "code": _fenced, "solution": _folded}


def _notebook_cell(number: int, cell: Cell) -> dict[str, object]:
    text = cell.text
    if cell.kind == "markdown":
        text = DIAGRAM.sub("", REFERENCE.sub(lambda found: found[1] or found[2], text))
        return {
            "cell_type": "markdown",
            "id": f"cell-{number}",
            "metadata": {},
            "source": text.splitlines(keepends=True),
        }
    hidden = {"tags": ["solution"], "jupyter": {"source_hidden": True}}
    return {
        "cell_type": "code",
        "id": f"cell-{number}",
        "metadata": hidden if cell.kind == "solution" else {},
        "source": text.splitlines(keepends=True),
        "execution_count": None,
        "outputs": [],
    }
