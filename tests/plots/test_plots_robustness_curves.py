from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes

from cifarkit.data.corruptions.corrupt import list_corruptions
from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.evaluation.robustness import Robustness
from cifarkit.plots import robustness


def evaluation_of(right: int, classes: tuple[str, ...] = ("cat", "dog")) -> Evaluation:
    """Make one of 100 images, so many of them right."""
    labels = np.arange(100) % 2
    answers = np.where(np.arange(100) < right, labels, 1 - labels)
    return Evaluation(np.eye(len(classes), dtype=np.float32)[answers], labels, classes)


def robustness_of(**right: list[int]) -> Robustness:
    corrupted = {name: [evaluation_of(each) for each in counts] for name, counts in right.items()}
    return Robustness(evaluation_of(90), corrupted)


@pytest.fixture
def two_kinds() -> Robustness:
    return robustness_of(fog=[80, 70, 60, 50, 40], pixelate=[90, 88, 86, 84, 82])


def lines(ax: Axes) -> dict[str, list[float]]:
    return {str(line.get_label()): np.asarray(line.get_ydata()).tolist() for line in ax.lines}


def test_a_network_gets_a_line_for_each_kind_and_their_mean(
    ax: Axes, two_kinds: Robustness
) -> None:
    assert robustness(two_kinds, ax=ax) is ax
    drawn = lines(ax)
    assert drawn["fog"] == pytest.approx([90, 80, 70, 60, 50, 40])
    assert drawn["pixelate"] == pytest.approx([90, 90, 88, 86, 84, 82])
    assert drawn["mean of all kinds"] == pytest.approx([90, 85, 79, 73, 67, 61])
    assert set(drawn["chance"]) == {50}
    assert ax.get_title(loc="left").replace("\n", " ") == (
        "From 90.0 % right to 61.0 % on average at severity 5; fog costs most, 50.0 points"
    )
    assert "2 kinds of corruption, 100 images" in ax.get_xlabel()


def test_several_networks_get_one_line_each_and_a_warning(ax: Axes, two_kinds: Robustness) -> None:
    other = robustness_of(fog=[90] * 5, pixelate=[90] * 5)
    robustness({"plain": two_kinds, "other": other}, ax=ax)
    assert set(lines(ax)) == {"plain", "other", "chance"}
    assert lines(ax)["plain"] == pytest.approx([90, 85, 79, 73, 67, 61])
    title = ax.get_title(loc="left").replace("\n", " ")
    assert title == "Mean accuracy on corrupted images: highest for other, 90.0 %"
    assert "another seed may change the order" in ax.get_xlabel().replace("\n", " ")


def test_every_kind_has_a_colour(ax: Axes) -> None:
    robustness(robustness_of(**{name: [50] * 5 for name in list_corruptions()}), ax=ax)
    assert {*list_corruptions(), "mean of all kinds"} <= set(lines(ax))
    assert len({line.get_color() for line in ax.lines}) == 6  # four families, the mean, chance


def test_what_cannot_be_compared_is_refused(ax: Axes, two_kinds: Robustness) -> None:
    with pytest.raises(DataError, match="different corruptions; pass the same names="):
        robustness({"a": two_kinds, "b": robustness_of(fog=[90] * 5)}, ax=ax)
    with pytest.raises(DataError, match="nothing to draw"):
        robustness({}, ax=ax)
    with pytest.raises(DataError, match=r"result of ck\.evaluate_corrupted.*found Evaluation"):
        robustness(two_kinds.clean, ax=ax)  # type: ignore[arg-type]
    assert not ax.lines
