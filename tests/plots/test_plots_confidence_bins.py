from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes

from cifarkit.errors import DataError
from cifarkit.evaluation.calibration import calibrate
from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.evaluation.intervals import wilson_interval
from cifarkit.plots import reliability


@pytest.fixture
def mixed() -> Evaluation:
    """Make an evaluation with confidences all over the range."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (200, 3)).astype(np.float32)
    return Evaluation(logits, random.integers(0, 3, 200), ("cat", "dog", "frog"))


def test_dots_are_the_bins_that_hold_images(ax: Axes, mixed: Evaluation) -> None:
    assert reliability(mixed, bins=10, ax=ax) is ax
    table = calibrate(mixed, 10)
    filled = table.counts > 0
    assert 0 < filled.sum() < 10
    (dots,) = (line for line in ax.lines if line.get_label() == "right")
    np.testing.assert_allclose(dots.get_xdata(), 100 * table.confidence[filled])
    np.testing.assert_allclose(dots.get_ydata(), 100 * table.accuracy[filled])


def test_bars_are_wilson_intervals(ax: Axes, mixed: Evaluation) -> None:
    reliability(mixed, bins=1, ax=ax)
    (segment,) = ax.collections[0].get_segments()
    expected = wilson_interval(mixed.correct, len(mixed))
    np.testing.assert_allclose(segment[:, 1], 100 * np.array(expected))


def test_the_histogram_counts_every_image(ax: Axes, mixed: Evaluation) -> None:
    reliability(mixed, bins=10, ax=ax)
    (above,) = ax.child_axes
    heights = [bar.get_height() for bar in above.patches]
    assert heights == calibrate(mixed, 10).counts.tolist()
    assert sum(heights) == 200


def test_the_line_of_deserved_confidence_is_the_diagonal(ax: Axes, mixed: Evaluation) -> None:
    reliability(mixed, ax=ax)
    (line,) = (line for line in ax.lines if line.get_label() == "as often right as sure")
    assert list(line.get_xdata()) == list(line.get_ydata()) == [0, 100]


@pytest.mark.parametrize(
    ("right", "sure", "verdict"),
    [(60, 9.0, "Overconfident"), (99, 0.5, "Underconfident"), (99, 5.0, "No clear bias")],
)
def test_the_title_gives_verdict_and_ece(
    ax: Axes,
    evaluate_as: Callable[..., Evaluation],
    right: int,
    sure: float,
    verdict: str,
) -> None:
    wrong = 100 - right
    evaluation = evaluate_as([[right, wrong], [wrong, right]], ("cat", "dog"), sure)
    reliability(evaluation, ax=ax)
    title = " ".join(ax.get_title(loc="left").split())
    assert title.startswith(f"{verdict}: ")
    assert title.endswith(f" {right}.0 % right; ECE {100 * calibrate(evaluation).ece:.1f} %")


def test_nonsense_for_bins_is_refused(ax: Axes, mixed: Evaluation) -> None:
    with pytest.raises(DataError, match="bins must be a whole number, 1 <= value <= 1000; found 0"):
        reliability(mixed, bins=0, ax=ax)
