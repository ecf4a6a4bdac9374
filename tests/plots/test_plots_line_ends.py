from __future__ import annotations

import pytest
from matplotlib.axes import Axes

from cifarkit.plots.line_ends import End, write_ends


def test_a_label_stands_at_the_height_where_its_line_ends(ax: Axes) -> None:
    ax.set(xlim=(0, 10), ylim=(0, 4))
    write_ends(ax, [End(10, 1, "low", "black"), End(10, 3, "high", "black")])
    assert [text.get_position() for text in ax.texts] == [
        (1.0, pytest.approx(0.25)),
        (1.0, pytest.approx(0.75)),
    ]


def test_a_leader_goes_from_the_label_to_the_line(ax: Axes) -> None:
    ax.set(xlim=(0, 10), ylim=(0, 4))
    write_ends(ax, [End(6, 1, "stopped early", "#123456")])
    (label,) = ax.texts
    assert label.xy == (6, 1)
    assert label.get_color() == "#123456"
    assert label.arrow_patch is not None


def test_labels_of_lines_that_end_together_make_way(ax: Axes) -> None:
    ax.set(xlim=(0, 10), ylim=(0, 4))
    write_ends(ax, [End(10, 2, name, "black") for name in ("one", "two", "three")])
    heights = [text.get_position()[1] for text in ax.texts]
    assert heights[1] == pytest.approx(0.5)
    assert heights[0] < heights[1] < heights[2]


def test_labels_shrink_where_the_column_is_too_short(ax: Axes) -> None:
    write_ends(ax, [End(1, 0.5, f"label {number}", "black") for number in range(25)])
    sizes = {text.get_fontsize() for text in ax.texts}
    assert len(sizes) == 1
    assert sizes < {5.0, 6.0, 7.0}
