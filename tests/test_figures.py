"""The figures of the site as SVG, for the light and for the dark page."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from cifarkit.plots.contrast import contrast

ROOT = Path(__file__).parents[1]
FORM = re.compile(r'!\[(.*?)\]\((\S+)\)\{ \.figure \.(on-\w+) style="(.*?)" loading=lazy \}')


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return lambda name: importlib.import_module(f"writers.{name}")


def drawn(width: float = 4.0) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, 2.0))
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


@pytest.mark.parametrize("least", [3.0, 4.5])
def test_what_reads_on_white_reads_on_the_dark_page(writers: Any, least: float) -> None:
    figures, rng = writers("figures"), np.random.default_rng(0)
    for colour in [(0, 0, 0), (0.4, 0.4, 0.4), *rng.random((200, 3))]:
        if contrast(to_hex(colour), "white") >= 7:
            on_dark = to_hex(figures.on_dark(colour, least))
            assert contrast(on_dark, figures.GROUND) >= least, (colour, on_dark)
    assert to_hex(figures.on_dark("white", least)) == figures.GROUND
    assert figures.on_dark((0, 0, 0, 0.3), least)[3] == 0.3
    assert contrast("#7a21dd", figures.GROUND) < 3  # as it is, it would not read


def test_text_is_recoloured_where_its_ground_is(writers: Any) -> None:
    figure, ax = drawn()
    ax.imshow(np.ones((2, 2, 3)), aspect="auto")  # a white picture stays white
    on_picture = ax.text(0.5, 0.5, "a word", ha="center")
    outside = figure.suptitle("a title")
    arrow = Annotation("tip", (0, 0), (0.1, 0.1), arrowprops={"color": "black"})
    ax.add_artist(arrow)
    writers("figures").forms_of(figure)
    assert on_picture.get_color() == "black"
    assert min(outside.get_color()[:3]) > 0.9
    assert min(arrow.arrow_patch.get_edgecolor()[:3]) > 0.9


def test_lines_and_patches_change_and_maps_of_colours_do_not(writers: Any) -> None:
    figure, ax = drawn()
    (line,) = ax.plot([0, 1], color="black", marker="o", markerfacecolor="none")
    (bar,) = ax.bar([0], [1], color="#7a21dd", alpha=0.5)
    dots = ax.scatter([0, 1], [0, 1], color=["black", "white"])
    mesh = ax.pcolormesh(np.eye(2), cmap="Greys")
    colours = mesh.to_rgba(mesh.get_array())
    writers("figures").forms_of(figure)
    assert min(line.get_color()[:3]) > 0.9
    assert line.get_markerfacecolor() == "none"
    assert bar.get_facecolor()[3] == 0.5
    assert bar.get_facecolor()[:3] != pytest.approx((0x7A / 255, 0x21 / 255, 0xDD / 255))
    assert dots.get_facecolor()[0].min() > 0.9 > 0.2 > dots.get_facecolor()[1, :3].max()
    assert np.array_equal(mesh.to_rgba(mesh.get_array()), colours)


def test_both_forms_leave_the_ground_to_the_page(writers: Any) -> None:
    figures = writers("figures")
    figure, ax = drawn()
    ax.plot([0, 1])
    forms = figures.forms_of(figure)
    grounds = re.findall(r'<g id="patch_[12]">\s*<path [^>]*style="([^"]*)"', forms.light)
    assert len(grounds) == 2
    for form in (forms.light, forms.dark):
        for style in re.findall(r'<g id="patch_[12]">\s*<path [^>]*style="([^"]*)"', form):
            assert "opacity: 0" in style or "fill: none" in style, style
    assert forms.letters == 10.0
    again, ax = drawn()
    ax.plot([0, 1])
    assert figures.forms_of(again) == forms  # to the byte, in every build


def test_a_page_shows_both_forms_and_letters_of_nine_pixels(writers: Any) -> None:
    figure = writers("recording").Figure("a [b]", "<svg/>", "<svg />", 8.0, (6.0, 3.0))
    output = writers("recording").Output("", (figure,))
    files: dict[str, bytes] = {}
    (block,) = writers("fences")._blocks(output, Path("tutorials/one.md"), files)
    forms = FORM.findall(block)
    assert [(shows, name, page) for shows, name, page, _ in forms] == [
        (r"a \[b\]", "one/figure-1.svg", "on-light"),
        (r"a \[b\]", "one/figure-1-dark.svg", "on-dark"),
    ]
    assert block.endswith("\n{: .sheet }")
    assert set(files) == {"tutorials/one/figure-1.svg", "tutorials/one/figure-1-dark.svg"}
    least = int(re.search(r"min-width: (\d+)px", forms[0][3])[1])
    assert 8.0 * least / (6.0 * 72) == pytest.approx(9.0, abs=0.02)  # the letters, in pixels
