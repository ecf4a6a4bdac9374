"""Text in blocks: written once, and shown as HTML, as plain text or as Markdown."""

from __future__ import annotations

import textwrap
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from cifarkit.tables import Table, in_markdown

__all__ = [
    "Bar",
    "Block",
    "Heading",
    "Points",
    "Readable",
    "as_html",
    "as_markdown",
    "as_page",
    "as_text",
]

WIDTH = 80
# Names stay unchanged: MathJax would read text between two dollars as a formula.
PLAIN = 'class="tex2jax_ignore mathjax_ignore"'


@dataclass(frozen=True)
class Bar:
    """A progress bar: how many are done, how many there are, and a short text."""

    done: int
    total: int
    text: str


@dataclass(frozen=True)
class Heading:
    """A line that names the blocks below it."""

    text: str


@dataclass(frozen=True)
class Points:
    """A list of sentences, one below another."""

    texts: Sequence[str]


Block = str | Table | Bar | Heading | Points


class Readable(ABC):
    """Base of objects that a notebook shows as blocks, in HTML and in text.

    >>> class Shelf(Readable):
    ...     def blocks(self):
    ...         return ["two books"]
    >>> "two books" in Shelf()._repr_html_()
    True
    """

    @abstractmethod
    def blocks(self) -> Sequence[Block]:
        """Return the blocks to show."""

    def _repr_html_(self) -> str:
        return as_html(*self.blocks())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": as_html(*self.blocks()), "text/plain": as_text(*self.blocks())}


def as_html(*blocks: Block) -> str:
    """Return blocks below each other as HTML for a notebook; text keeps its spaces.

    >>> as_html("a < b").splitlines()[1]
    '<p style="margin: 0.3em 0; white-space: pre-wrap">a &lt; b</p>'
    """
    return "\n".join([f"<div {PLAIN}>", *map(_in_html, blocks), "</div>"])


def as_text(*blocks: Block) -> str:
    """Return blocks below each other as plain text, in lines of any length.

    >>> print(as_text("two of three:", Bar(2, 3, "epochs")))
    two of three:
    epochs 2/3
    """
    return "\n".join(_in_text(block, None) for block in blocks)


def as_page(*blocks: Block) -> str:
    """Return blocks as a page of 80 columns, with a blank line after all but headings.

    >>> print(as_page("Two models.", Heading("What may be said"), Points(["nothing", "little"])))
    Two models.
    <BLANKLINE>
    What may be said
    - nothing
    - little
    """
    parts = [
        _in_text(block, WIDTH) + ("\n" if isinstance(block, Heading) else "\n\n")
        for block in blocks
    ]
    return "".join(parts).rstrip("\n")


def as_markdown(*blocks: Block) -> str:
    """Return blocks as Markdown.

    >>> print(as_markdown(Heading("What may be said"), Points(["p < .05"])), end="")
    **What may be said**
    <BLANKLINE>
    - p &lt; .05
    """
    return "\n\n".join(map(_in_markdown, blocks)) + "\n"


def _in_html(block: Block) -> str:
    match block:
        case Table():
            return block.as_html()
        case Bar(done, total, text):
            return f"<progress value={done} max={total}></progress> {_escaped(text)}"
        case Heading(text):
            return f"<h4>{_escaped(text)}</h4>"
        case Points(texts):
            return "\n".join(["<ul>", *(f"<li>{_escaped(text)}</li>" for text in texts), "</ul>"])
        case text:
            return f'<p style="margin: 0.3em 0; white-space: pre-wrap">{_escaped(text)}</p>'


def _in_text(block: Block, width: int | None) -> str:
    match block:
        case Table():
            return block.as_text(width)
        case Bar(done, total, text):
            return f"{text} {done}/{total}"
        case Heading(text):
            return text
        case Points(texts):
            return "\n".join(_filled(f"- {text}", width, "  ") for text in texts)
        case text:
            return _filled(text, width)


def _in_markdown(block: Block) -> str:
    match block:
        case Table():
            return block.as_markdown()
        case Heading(text):
            return f"**{in_markdown(text)}**"
        case Points(texts):
            return "\n".join(f"- {in_markdown(text)}" for text in texts)
        case text:
            return in_markdown(_in_text(text, None))


def _filled(text: str, width: int | None, indent: str = "") -> str:
    if width is None:
        return text
    # An option such as --near-duplicates stays in one piece.
    return textwrap.fill(text, width, subsequent_indent=indent, break_on_hyphens=False)


def _escaped(text: str) -> str:
    return escape(text, quote=False)  # between tags, where quotes mean nothing
