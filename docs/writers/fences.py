"""The Python of a page: which fences are run, and what they print and draw put behind them."""

from __future__ import annotations

import base64
import re
import struct
import textwrap
from collections.abc import Iterator
from pathlib import PurePosixPath

from writers import recording

__all__ = ["executes", "python_fences", "with_outputs"]

FENCE = re.compile(
    r"^(?P<indent> *)```python[^\n]*\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
EXCUSED = re.compile(r"^<!-- not run: \S.* -->\s*\Z", re.MULTILINE)  # what stands before a fence
EXECUTES = re.compile(r"\A---\n(?:.*\n)*?execute: true\n(?:.*\n)*?---\n")


def executes(markdown: str) -> bool:
    """Say whether a page asks, in its first lines, for the outputs of its code."""
    return EXECUTES.match(markdown) is not None


def python_fences(markdown: str) -> list[str]:
    """Return the code of the Python fences of a page that are to be run, in order."""
    return [textwrap.dedent(found["code"]) for found in FENCE.finditer(markdown) if _runs(found)]


def with_outputs(name: str, markdown: str) -> tuple[str, dict[str, bytes]]:
    """Return a page with the outputs of its code, and the files of its figures.

    A page that does not ask for them is returned as it is.

    Args:
        name: the page's path in the site.
        markdown: the page.
    """
    if not executes(markdown):
        return markdown, {}
    recorded = recording.record(python_fences(markdown), name)
    outputs = iter(recorded.outputs)
    figures: dict[str, bytes] = {}

    def add(fence: re.Match[str]) -> str:
        if not _runs(fence):
            return fence[0]
        blocks = _blocks(next(outputs), PurePosixPath(name), figures)
        added = textwrap.indent("\n\n".join(blocks), fence["indent"])
        return f"{fence[0]}\n\n{added}".rstrip()

    return f"{FENCE.sub(add, markdown)}\n\n---\n\n*{recorded.origin}*\n", figures


def _runs(fence: re.Match[str]) -> bool:
    return EXCUSED.search(fence.string[: fence.start()]) is None


def _blocks(
    output: recording.Output, page: PurePosixPath, figures: dict[str, bytes]
) -> Iterator[str]:
    """Give one cell's output as Markdown; its figures become files beside the page."""
    if text := output.text.rstrip():
        yield f"``` {{ .text .output .no-copy }}\n{text}\n```"
    for figure in output.figures:
        name = f"{page.stem}/figure-{len(figures) + 1}.png"
        png = figures[str(page.parent / name)] = base64.b64decode(figure.png)
        shows = re.sub(r"([\[\]*_`\\])", r"\\\1", figure.shows)
        width, height = struct.unpack(">II", png[16:24])  # so that pages do not jump as they load
        style = f"width: {figure.inches:g}in; aspect-ratio: {width} / {height}"
        look = f'{{ .figure style="{style}" loading=lazy }}'
        yield f"[![{shows}]({name}){look}]({name})"  # small screens open it in full
