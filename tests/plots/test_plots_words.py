from __future__ import annotations

from matplotlib.axes import Axes

from cifarkit.plots.style import BODY, TITLE
from cifarkit.plots.words import align_words, write_words


def test_the_finding_stands_above_and_the_notes_below(ax: Axes) -> None:
    title = write_words(ax, "Dogs are cats", "epoch", "", "a note")
    assert title.get_text() == ax.get_title(loc="left") == "Dogs are cats"
    assert ax.get_xlabel() == "epoch\na note"


def test_long_findings_are_broken_into_lines_of_the_width_of_the_plot(ax: Axes) -> None:
    title = write_words(ax, "a word " * 16, "epoch")
    assert 1 < title.get_text().count("\n") + 1 <= 3
    assert title.get_fontsize() == TITLE
    assert title.get_window_extent().width <= ax.get_tightbbox(for_layout_only=True).width


def test_very_long_findings_are_set_smaller(ax: Axes) -> None:
    assert write_words(ax, "a word " * 24, "epoch").get_fontsize() == BODY


def test_words_begin_where_the_labels_begin(ax: Axes) -> None:
    ax.set_yticks([0.5], ["a class with a long name"])
    title = write_words(ax, "Dogs are cats", "epoch")
    align_words(ax, title)
    left = max(ax.get_tightbbox(for_layout_only=True).x0, 0)
    assert abs(title.get_window_extent().x0 - left) < 3
    assert abs(ax.xaxis.label.get_window_extent().x0 - left) < 3
