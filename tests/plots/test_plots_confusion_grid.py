from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.plots import confusion
from cifarkit.plots.confusion_grid import row_shares
from cifarkit.plots.contrast import contrast


def numbers(ax: Axes) -> dict[tuple[int, int], str]:
    """Return the text in each cell, by (row, column)."""
    texts = [(text.get_position(), text.get_text()) for text in ax.texts]
    return {(int(y), int(x)): text for (x, y), text in texts}


def test_cells_hold_per_cent_of_their_row(ax: Axes, evaluation: Evaluation) -> None:
    assert confusion(evaluation, ax=ax) is ax
    assert numbers(ax) == {(0, 0): "50", (0, 1): "50", (1, 1): "90", (1, 2): "10", (2, 2): "100"}
    assert "per cent of its row" in ax.get_xlabel()


def test_cells_hold_counts_on_request(ax: Axes, evaluate_as: Callable[..., Evaluation]) -> None:
    confusion(evaluate_as([[1500, 5], [1, 18]], ("cat", "dog")), counts=True, ax=ax)
    assert numbers(ax) == {(0, 0): "1,500", (0, 1): "5", (1, 0): "1", (1, 1): "18"}
    assert "number of images" in ax.get_xlabel()
    assert "n = 1,524" in ax.get_xlabel()


def test_shares_under_one_per_cent_stay_blank(
    ax: Axes, evaluate_as: Callable[..., Evaluation]
) -> None:
    confusion(evaluate_as([[197, 1, 2], [0, 9, 0], [0, 0, 9]]), ax=ax)
    assert set(numbers(ax)) == {(0, 0), (0, 2), (1, 1), (2, 2)}


def test_a_recall_of_nothing_is_written(ax: Axes, evaluate_as: Callable[..., Evaluation]) -> None:
    confusion(evaluate_as([[0, 5], [5, 0]], ("cat", "dog")), ax=ax)
    assert numbers(ax)[0, 0] == "0"


def test_the_diagonal_is_bold_and_takes_no_colour(ax: Axes, evaluation: Evaluation) -> None:
    confusion(evaluation, ax=ax)
    bold = {
        (int(t.get_position()[1]), int(t.get_position()[0]))
        for t in ax.texts
        if t.get_fontweight() == "bold"
    }
    assert bold == {(0, 0), (1, 1), (2, 2)}
    (mesh,) = ax.collections
    colours = np.ma.asarray(mesh.get_array()).reshape(3, 3)
    assert colours.mask.tolist() == np.eye(3, dtype=bool).tolist()
    assert colours[0, 1] == 0.5


def test_colours_reach_to_the_largest_mistake(ax: Axes, evaluation: Evaluation) -> None:
    confusion(evaluation, ax=ax)
    assert ax.collections[0].get_clim() == (0.0, 0.5)


def test_every_number_can_be_read(ax: Axes, evaluate_as: Callable[..., Evaluation]) -> None:
    counts = np.random.default_rng(0).integers(0, 30, (8, 8)) ** 2
    confusion(evaluate_as(counts.tolist(), tuple("abcdefgh")), ax=ax)
    (mesh,) = ax.collections
    faces = np.asarray(mesh.get_facecolor()).reshape(8, 8, 4)
    assert len(ax.texts) > 40
    for text in ax.texts:
        column, row = map(int, text.get_position())
        behind = ax.get_facecolor() if row == column else faces[row, column]
        assert contrast(to_hex(text.get_color()), to_hex(tuple(behind))) >= 4.5


def test_the_title_names_the_two_worst_pairs(ax: Axes, evaluation: Evaluation) -> None:
    confusion(evaluation, ax=ax)
    assert " ".join(ax.get_title(loc="left").split()) == (
        "82.5 % right; most often wrong: cat called dog (5 of 10), dog called frog (2 of 20)"
    )


def test_a_perfect_evaluation_says_so(ax: Axes, evaluate_as: Callable[..., Evaluation]) -> None:
    confusion(evaluate_as([[5, 0], [0, 7]], ("cat", "dog")), ax=ax)
    assert ax.get_title(loc="left") == "All 12 images right"
    assert numbers(ax) == {(0, 0): "100", (1, 1): "100"}


def test_classes_stand_at_both_sides_from_the_top(ax: Axes, evaluation: Evaluation) -> None:
    confusion(evaluation, ax=ax)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["cat", "dog", "frog"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "dog", "frog"]
    assert ax.yaxis_inverted()


def test_a_class_without_images_has_an_empty_row(
    ax: Axes, evaluate_as: Callable[..., Evaluation]
) -> None:
    absent = evaluate_as([[5, 0, 1], [0, 0, 0], [0, 2, 4]])
    assert row_shares(absent)[1].tolist() == [0, 0, 0]
    confusion(absent, ax=ax)
    assert 1 not in {row for row, _ in numbers(ax)}


@pytest.mark.parametrize("classes", [("a$b$", "c_d"), ("x^2", r"\alpha")])
def test_class_names_are_written_as_they_are(
    ax: Axes, evaluate_as: Callable[..., Evaluation], classes: tuple[str, ...]
) -> None:
    confusion(evaluate_as([[5, 1], [0, 7]], classes), ax=ax)
    labels = ax.get_yticklabels()
    assert [label.get_text() for label in labels] == list(classes)
    assert not any(label.get_parse_math() for label in labels)
