from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes

from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.evaluation.intervals import wilson_interval
from cifarkit.plots import per_class


def shown(ax: Axes, label: str) -> list[float]:
    (line,) = (line for line in ax.lines if line.get_label() == label)
    return list(line.get_xdata())


def test_classes_are_sorted_by_f1_the_best_on_top(ax: Axes, evaluation: Evaluation) -> None:
    assert per_class(evaluation, ax=ax) is ax
    assert [label.get_text() for label in ax.get_yticklabels()] == ["frog", "dog", "cat"]
    assert ax.yaxis_inverted()


def test_dots_are_recall_and_rings_precision(ax: Axes, evaluation: Evaluation) -> None:
    per_class(evaluation, ax=ax)
    assert shown(ax, "recall") == pytest.approx([100, 90, 50])
    assert shown(ax, "precision") == pytest.approx([1000 / 12, 1800 / 23, 100])


def test_bars_are_wilson_intervals_of_the_recall(ax: Axes, evaluation: Evaluation) -> None:
    per_class(evaluation, ax=ax)
    (bars,) = ax.collections
    ends = np.array([segment[:, 0] for segment in bars.get_segments()])
    expected = [wilson_interval(10, 10), wilson_interval(18, 20), wilson_interval(5, 10)]
    np.testing.assert_allclose(ends, 100 * np.array(expected))
    assert "Wilson" in ax.get_xlabel()


def test_f1_and_n_stand_beside_each_class(ax: Axes, evaluation: Evaluation) -> None:
    per_class(evaluation, ax=ax)
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["F1", "90.9", "83.7", "66.7", "n", "10", "20", "10"]


def test_the_title_names_the_best_and_the_worst(ax: Axes, evaluation: Evaluation) -> None:
    per_class(evaluation, ax=ax)
    title = ax.get_title(loc="left")
    assert title == "Best known: frog, F1 90.9 %; least: cat, F1 66.7 %"


@pytest.mark.parametrize(
    ("confusion", "f1"), [([[4, 0], [0, 4]], "100.0"), ([[0, 4], [4, 0]], "0.0")]
)
def test_equal_classes_are_not_ranked(
    ax: Axes, evaluate_as: Callable[..., Evaluation], confusion: list[list[int]], f1: str
) -> None:
    per_class(evaluate_as(confusion, ("cat", "dog")), ax=ax)
    assert ax.get_title(loc="left") == f"Every class has F1 {f1} %"


def test_limits_hold_all_that_is_drawn_and_stay_between_0_and_100(
    ax: Axes, evaluation: Evaluation
) -> None:
    per_class(evaluation, ax=ax)
    low, high = ax.get_xlim()
    assert 0 <= low <= 100 * wilson_interval(5, 10).low
    assert high == 100
