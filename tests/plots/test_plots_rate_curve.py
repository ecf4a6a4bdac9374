from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes

import cifarkit as ck
from cifarkit.plots import lr_finder
from cifarkit.plots.rate_curve import rate_finding


def finder_of(losses: list[float]) -> ck.LRFinder:
    finder = ck.LRFinder()
    finder.rates = np.geomspace(1e-4, 1.0, len(losses)).tolist()
    finder.losses = losses
    return finder


def test_the_curve_is_that_of_the_finder_and_its_suggestion_is_marked(ax: Axes) -> None:
    finder = finder_of([2.3, 2.2, 1.8, 1.5, 9.0])
    lr_finder(finder, ax=ax)
    curve, suggested, lowest = ax.lines
    assert curve.get_xdata().tolist() == finder.rates
    assert curve.get_ydata().tolist() == finder.losses
    assert ax.get_xscale() == "log"
    assert suggested.get_xdata()[0] == finder.suggestion == pytest.approx(0.01)
    assert (lowest.get_xdata()[0], lowest.get_ydata()[0]) == (pytest.approx(0.1), 1.5)
    assert ax.get_title(loc="left").split() == rate_finding(finder).split()
    assert rate_finding(finder) == "Suggested rate: 0.01, a tenth of the rate with the lowest loss"
    assert "not the best rate" in ax.get_xlabel()


def test_without_a_suggestion_the_curve_says_so(ax: Axes) -> None:
    lr_finder(finder_of([1.0, 2.0, 3.0]), ax=ax)
    assert len(ax.lines) == 1
    assert ax.get_title(loc="left").startswith("No rate can be suggested")
    assert "dashed" not in ax.get_xlabel()


def test_rates_are_written_without_formulas(ax: Axes) -> None:
    lr_finder(finder_of([2.3, 2.2, 1.8, 1.5, 9.0]), ax=ax)
    ax.figure.draw_without_rendering()
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert "0.01" in labels
    assert not any("$" in label for label in labels)


def test_a_finder_that_has_not_trained_is_refused(ax: Axes) -> None:
    with pytest.raises(ck.DataError, match="has seen no rate yet; train with it first"):
        lr_finder(ck.LRFinder(), ax=ax)
    with pytest.raises(ck.DataError, match=r"draws a ck.LRFinder\(…\), found list"):
        lr_finder([1, 2], ax=ax)
