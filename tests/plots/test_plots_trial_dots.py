"""The figure of a search shows each trial where it was, and the number to report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes

import cifarkit as ck
from cifarkit.plots import search as draw

SPACE = {
    "optimizer.lr": ck.LogRange(1e-4, 1e-1),
    "augment": ck.Choice([(), (ck.Flip(),)]),
}


@pytest.fixture
def found(make_comparison: Callable[..., ck.Comparison]) -> ck.Search:
    comparison = make_comparison({"baseline": [0.5] * 8, "tuned": [0.6] * 8})
    baseline, best = comparison.variants
    settings = zip([0.001, 0.01, 0.1], [(), (ck.Flip(),), ()], [0.4, 0.7, None], strict=True)
    trials = tuple(
        ck.Trial(n, {"optimizer.lr": lr, "augment": augment}, best, Path("runs"), accuracy)
        for n, (lr, augment, accuracy) in enumerate(settings)
    )
    return ck.Search(baseline, best, SPACE, "random", 0, trials, comparison)


def lines(ax: Axes) -> dict[str, Any]:
    return {str(line.get_label()): line for line in ax.lines}


def test_each_trial_lies_at_its_setting(found: ck.Search, ax: Axes) -> None:
    draw(found, ax=ax)
    drawn = lines(ax)
    assert ax.get_xscale() == "log"
    assert drawn["trials"].get_xdata().tolist() == [0.001, 0.01]
    assert drawn["trials"].get_ydata() == pytest.approx([40, 70])
    assert (*drawn["highest"].get_xdata(), *drawn["highest"].get_ydata()) == (0.01, 70)
    assert drawn["to report"].get_ydata()[0] == pytest.approx(60)
    assert "not drawn: 1 trial that failed" in ax.get_xlabel()


def test_a_choice_has_a_place_for_each_value(found: ck.Search, ax: Axes) -> None:
    draw(found, "augment", ax=ax)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["none", "ck.Flip()"]
    assert lines(ax)["trials"].get_xdata().tolist() == [0, 1]


def test_the_title_says_whether_tuning_helped(found: ck.Search, ax: Axes) -> None:
    title = draw(found, ax=ax).get_title(loc="left").replace("\n", " ")
    assert title == "Tuning helped: +10.0 points on test; 60.0 % right on fresh seeds"
    other = dataclasses.replace(found, comparison=dataclasses.replace(found.comparison))
    vars(other.comparison)["pairs"] = (found.pair.mirrored(),)
    assert draw(other, ax=ax).get_title(loc="left").startswith("Tuning is not shown to help")


def test_what_is_no_search_or_no_setting_is_refused(found: ck.Search, ax: Axes) -> None:
    with pytest.raises(ck.DataError, match=r"ck\.search returns, found int"):
        draw(3, ax=ax)
    with pytest.raises(ck.DataError, match=r"varied optimizer\.lr, augment"):
        draw(found, "epochs", ax=ax)
