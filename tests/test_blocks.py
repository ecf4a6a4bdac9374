"""Blocks: the same words in HTML, text and Markdown."""

from __future__ import annotations

import html
import re

from cifarkit.blocks import Bar, Heading, Points, as_html, as_markdown, as_page, as_text
from cifarkit.tables import Table

BLOCKS = ("a < b", Table(("n",), [["1"]]), Bar(1, 2, "c"), Heading("d"), Points(["e " * 60, "<f>"]))


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text)


def test_every_telling_has_the_same_words_in_the_same_order() -> None:
    shown = html.unescape(re.sub("<[^>]*>", " ", as_html(*BLOCKS)))
    told = words_of(as_text(*BLOCKS))
    assert told == ["a", "b", "n", "c", "d", *["e"] * 60, "f"]
    assert told == words_of(as_page(*BLOCKS)) == words_of(shown)
    assert told == words_of(html.unescape(as_markdown(*BLOCKS)))


def test_a_page_has_80_columns_and_hangs_its_points() -> None:
    lines = as_page(*BLOCKS).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[lines.index("d") + 1].startswith("- e e")
    assert lines[lines.index("d") + 2].startswith("  e e")


def test_html_is_escaped() -> None:
    for block in ("<b>", Heading("<b>"), Points(["<b>"]), Bar(1, 2, "<b>"), Table(("<b>",), [])):
        assert "<b>" not in as_html(block)
