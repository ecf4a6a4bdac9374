"""The Python of a page: which fences are run, and what they print and draw put behind them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import PurePosixPath

from writers import recording

__all__ = ["executes", "python_fences", "with_outputs"]

FENCE = re.compile(
    r"^(?P<indent> *)```python[^\n]*\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
EXCUSED = re.compile(r"^<!-- not run: \S.* -->\s*\Z", re.MULTILINE)  # what stands before a fence
LEAST_PIXELS, POINTS_PER_INCH = 9, 72
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
        name = f"{page.stem}/figure-{len(figures) // 2 + 1}"
        figures[str(page.parent / f"{name}.svg")] = figure.light.encode()
        figures[str(page.parent / f"{name}-dark.svg")] = figure.dark.encode()
        yield _sheet(figure, name)


def _sheet(figure: recording.Figure, name: str) -> str:
    """Show a figure in the form that the page asks for.

    Its place is reserved, so that the page does not jump. It never shrinks so far that its letters
    are lower than 9 pixels: a small screen scrolls it.
    """
    shows = re.sub(r"([\[\]*_`\\])", r"\\\1", figure.shows)
    width, height = figure.inches
    least = width * LEAST_PIXELS * POINTS_PER_INCH / figure.letters
    style = f"width: {width:g}in; min-width: {least:.0f}px; aspect-ratio: {width:g} / {height:g}"
    light, dark = (
        f'![{shows}]({name}{form}.svg){{ .figure .{page} style="{style}" loading=lazy }}'
        for form, page in (("", "on-light"), ("-dark", "on-dark"))
    )
    return f"{light}{dark}\n{{: .sheet }}"
