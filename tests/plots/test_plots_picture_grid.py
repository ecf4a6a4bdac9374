from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from cifarkit.plots.picture_grid import Section, Tile, draw_grid


def tiles(n: int) -> list[Tile]:
    return [Tile(np.zeros((32, 32, 3), np.uint8), f"picture {index}") for index in range(n)]


@pytest.mark.parametrize(("width", "columns"), [(1.0, 1), (4.0, 3), (10.0, 8)])
def test_a_given_figure_keeps_its_width_and_is_filled(width: float, columns: int) -> None:
    figure = draw_grid("", [Section("", tiles(9))], columns=2, figure=Figure(figsize=(width, 1)))
    assert figure.get_figwidth() == width
    lefts = {round(ax.get_position().x0, 6) for ax in figure.axes}
    assert len(lefts) == columns


@pytest.mark.parametrize("width", [4.0, 10.0])
def test_pictures_are_an_inch_each(width: float) -> None:
    figure = draw_grid("", [Section("", tiles(9))], columns=3, figure=Figure(figsize=(width, 3)))
    for ax in figure.axes:
        box = ax.get_position()
        assert box.width * figure.get_figwidth() == pytest.approx(1)
        assert box.height * figure.get_figheight() == pytest.approx(1)


def test_pictures_come_row_by_row_from_the_top() -> None:
    figure = draw_grid("", [Section("", tiles(5))], columns=3, figure=Figure(figsize=(4, 3)))
    corners = [(-ax.get_position().y0, ax.get_position().x0) for ax in figure.axes]
    assert corners == sorted(corners)


def test_a_figure_of_pyplot_is_as_wide_as_its_columns() -> None:
    figure = draw_grid("", [Section("", tiles(10))], columns=5, figure=None)
    assert plt.get_fignums() == [figure.number]
    assert len({round(ax.get_position().x0, 6) for ax in figure.axes}) == 5
    plt.close(figure)
