"""The gallery shows every figure, and is linked with the reference and the tutorials."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

import cifarkit as ck

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")


@pytest.fixture
def gallery(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("writers.gallery")


def test_the_gallery_has_every_plot_once(gallery: Any) -> None:
    assert sorted(gallery.names()) == sorted(ck.plots.__all__)


def test_each_section_draws_its_plot_and_no_other(gallery: Any) -> None:
    first, *sections = re.split(r"^### ", PAGE, flags=re.MULTILINE)
    assert gallery.CALL.findall(first) == []
    assert [gallery.CALL.findall(section) for section in sections] == [
        [name] for name in gallery.names()
    ]
    assert [re.findall(r"<!-- links of: (\w+) -->", section) for section in sections] == [
        [name] for name in gallery.names()
    ]


def test_the_reference_has_a_small_picture_of_each(gallery: Any) -> None:
    pictures = re.findall(r"\(\.\./gallery/figure-(\d+)\.svg\)", gallery.thumbnails())
    assert pictures == [str(number) for number in range(1, len(ck.plots.__all__) + 1)]
    page = (ROOT / "docs" / "reference" / "plots.md").read_text(encoding="utf-8")
    assert "<!-- gallery -->" in page


def test_plots_and_tutorials_are_linked_both_ways(gallery: Any) -> None:
    script = (ROOT / "tutorials" / "05_where_it_fails.py").read_text(encoding="utf-8")
    back = gallery.figures_of(script)
    for name in gallery.names():
        there = "(tutorials/05_where_it_fails.md)" in gallery.links_of(name)
        assert there == (f"(../gallery.md#{name})" in back) == (f"plots.{name}(" in script)
    assert gallery.figures_of("print()") == ""


def test_a_notebook_is_without_the_diagrams_that_only_the_site_can_draw(gallery: Any) -> None:
    percent = importlib.import_module("writers.percent")
    cell = percent.Cell("markdown", "Before.\n\n<!-- diagram: pooling -->\n\nAfter.")
    assert "<!-- diagram: pooling -->" in percent.to_markdown([cell])
    notebook = percent.to_notebook([cell])
    assert "diagram" not in notebook
    assert "After." in notebook
