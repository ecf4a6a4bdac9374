"""What the site makes of a percent script: a page, and a notebook."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from cifarkit.practise.percent import Cell, parse, without_links

__all__ = ["Cell", "parse", "to_markdown", "to_notebook"]

INSTALL = "# Once, where cifarkit is not installed yet, as on Colab:"
DIAGRAM = re.compile(r"^<!-- diagram: .* -->\n*", re.MULTILINE)  # is drawn by the site alone


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


def _fenced(code: str) -> str:
    return f"```python\n{code}\n```"


def _folded(code: str) -> str:
    lines = [f"    {line}".rstrip() for line in _fenced(code).splitlines()]
    return "\n".join(['??? note "Solution"', "", *lines])


_PAGE: dict[str, Callable[[str], str]] = {"markdown": str, "code": _fenced, "solution": _folded}


def _notebook_cell(number: int, cell: Cell) -> dict[str, object]:
    text = cell.text
    if cell.kind == "markdown":
        text = DIAGRAM.sub("", without_links(text))
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
