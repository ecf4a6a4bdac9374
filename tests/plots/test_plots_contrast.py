from __future__ import annotations

import colorsys

import pytest

from cifarkit.plots.confusion_grid import DIAGONAL, SHADES
from cifarkit.plots.contrast import contrast, darkened, ink_on
from cifarkit.plots.style import COLOURS, INK, QUIET


def test_contrast_agrees_with_published_ratios() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#ff0000", "#ffffff") == pytest.approx(4.0, abs=0.005)


def test_contrast_does_not_depend_on_the_order() -> None:
    assert contrast("#123456", "#fedcba") == contrast("#fedcba", "#123456")


@pytest.mark.parametrize("shade", range(0, 256, 5))
def test_numbers_can_be_read_on_every_shade_of_the_heatmap(shade: int) -> None:
    from matplotlib.colors import to_hex

    background = to_hex(SHADES(shade))
    assert contrast(ink_on(background), background) >= 4.5


def test_numbers_can_be_read_on_the_diagonal() -> None:
    assert contrast(ink_on(DIAGONAL), DIAGONAL) >= 4.5


@pytest.mark.parametrize("hue", range(0, 360, 30))
@pytest.mark.parametrize("value", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_the_chosen_ink_can_be_read_on_any_background(hue: int, value: float) -> None:
    from matplotlib.colors import to_hex

    background = to_hex(colorsys.hsv_to_rgb(hue / 360, 0.8, value))
    assert contrast(ink_on(background), background) >= 4.5


@pytest.mark.parametrize("colour", [*COLOURS, "white", "yellow"])
def test_labels_in_any_colour_can_be_read_on_white(colour: str) -> None:
    assert contrast(darkened(colour), "white") >= 4.5


def test_a_dark_colour_is_left_as_it_is() -> None:
    assert darkened("#7a21dd") == "#7a21dd"


@pytest.mark.parametrize("ink", [INK, QUIET])
def test_words_can_be_read_on_white(ink: str) -> None:
    assert contrast(ink, "white") >= 4.5
