"""The confusion browser counts as cifarkit's evaluation counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import cifarkit as ck

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = "({ RUN }) => RUN"
COUNTED = """({ matrixOf, perClass }, [labels, predicted, classes]) => {
  const matrix = matrixOf(labels, predicted, classes);
  return [matrix, perClass(matrix)];
}"""


def evaluation_of(labels: list[int], predicted: list[int], classes: int) -> ck.Evaluation:
    logits = np.eye(classes, dtype=np.float32)[predicted]
    return ck.Evaluation(logits, np.array(labels), tuple(f"class {i}" for i in range(classes)))


@pytest.mark.parametrize(("n", "classes"), [(1, 2), (60, 3), (500, 10), (12, 20)])
def test_matrix_precision_and_recall_are_those_of_the_evaluation(
    node: Callable[..., Any], n: int, classes: int
) -> None:
    chance = np.random.default_rng(n)
    labels = chance.integers(classes, size=n).tolist()
    predicted = chance.integers(classes, size=n).tolist()
    matrix, scores = node("confusion", COUNTED, [labels, predicted, classes])
    expected = evaluation_of(labels, predicted, classes)
    assert matrix == expected.confusion.tolist()
    for name in ("precision", "recall", "n"):
        column = expected.per_class[name].tolist()
        assert [score[name] for score in scores] == pytest.approx(column)
    if n > 1:
        other = evaluation_of(predicted, labels, classes)
        assert matrix != other.confusion.tolist()


def test_the_pages_run_has_the_accuracy_that_was_recorded(node: Callable[..., Any]) -> None:
    run = node("confusion", RUN)
    classes = len(run["classes"])
    evaluation = evaluation_of(run["labels"], run["predicted"], classes)
    assert evaluation.accuracy == run["accuracy"]
    assert len(evaluation) == run["n_test"]
    matrix, scores = node("confusion", COUNTED, [run["labels"], run["predicted"], classes])
    assert matrix == evaluation.confusion.tolist()
    assert [score["recall"] for score in scores] == pytest.approx(
        evaluation.per_class["recall"].tolist()
    )


def test_the_pages_labels_are_those_of_the_drawn_pictures(node: Callable[..., Any]) -> None:
    run = node("confusion", RUN)
    sizes = {name: run[name] for name in ("n_train", "n_test", "val_size")}
    test = ck.load_synthetic(**sizes).test
    assert run["labels"] == test.labels.tolist()
    assert run["classes"] == list(test.classes)


def test_every_picture_is_in_one_cell_and_sorted_by_confidence(node: Callable[..., Any]) -> None:
    run = node("confusion", RUN)
    cells = node(
        "confusion",
        """({ RUN, picturesIn }) => RUN.classes.flatMap((_, y) => RUN.classes.map((_, x) =>
          [y, x, picturesIn(RUN, [y, x], "most"), picturesIn(RUN, [y, x], "least")]))""",
    )
    seen = []
    for row, column, most, least in cells:
        confidence = [run["confidence"][index] for index in most]
        assert confidence == sorted(confidence, reverse=True)
        assert [run["confidence"][index] for index in least] == confidence[::-1]
        assert all(run["labels"][index] == row for index in most)
        assert all(run["predicted"][index] == column for index in most)
        seen += most
    assert sorted(seen) == list(range(len(run["labels"])))


def test_confidence_is_that_of_the_predicted_label(node: Callable[..., Any]) -> None:
    run = node("confusion", RUN)
    for index, confidence in enumerate(run["confidence"]):
        assert 1 / len(run["classes"]) - 1e-3 <= confidence <= 1
        right = run["labels"][index] == run["predicted"][index]
        assert (run["of_label"][index] == confidence) or not right
        assert run["of_label"][index] <= confidence


def test_the_page_opens_at_the_most_frequent_mistake(node: Callable[..., Any]) -> None:
    worst = "({ worst }, matrix) => worst(matrix)"
    assert node("confusion", worst, [[9, 1, 0], [2, 9, 3], [1, 0, 9]]) == [1, 2]
    assert node("confusion", worst, [[9, 0], [4, 9]]) == [1, 0]


def test_colours_are_shares_of_the_class_and_of_the_worst_mistake(node: Callable[..., Any]) -> None:
    found = node(
        "confusion",
        """({ strength }, matrix) => matrix.map((row, y) => row.map((_, x) =>
          strength(matrix, [y, x])))""",
        [[8, 2, 0], [5, 5, 0], [0, 0, 0]],
    )
    assert found == [[0.8, pytest.approx(0.4), 0], [1, 0.5, 0], [0, 0, 0]]


def test_the_sentences_count_the_cell(node: Callable[..., Any]) -> None:
    found = node(
        "confusion",
        "({ RUN, cellSentences }, matrix) => [RUN.classes, cellSentences(matrix, [0, 1])]",
        [[6, 2], [1, 3]],
    )
    (first, second, *_), (count, scores) = found
    assert count == f"2 of 8 pictures of the class {first} were called {second}: 25.0 %."
    assert scores == f"Recall of {first}: 75.0 %. Precision of {second}: 60.0 %."
