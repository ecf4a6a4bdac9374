from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats

from cifarkit.errors import DataError
from cifarkit.plots.series import chance_of, collect_lines, finding_of
from cifarkit.recipes.losses import CrossEntropy, FocalLoss
from cifarkit.recipes.recipe import Recipe
from cifarkit.runs.history import History


def seeds(*losses: list[float]) -> list[History]:
    return [
        History([{"epoch": epoch, "val_loss": loss} for epoch, loss in enumerate(run, start=1)])
        for run in losses
    ]


def test_a_metric_is_a_line_for_each_split_that_has_it(history: History) -> None:
    lines = collect_lines(history, "loss")
    assert [line.split for line in lines] == ["train", "val"]
    assert lines[0].mean.tolist() == history.column("train_loss")
    assert lines[1].epochs.tolist() == [1, 2, 3, 4]


def test_a_run_is_drawn_from_its_history(history: History) -> None:
    (line,) = collect_lines(SimpleNamespace(history=history), "lr")
    assert line.mean.tolist() == [0.001] * 4
    assert line.split == ""


def test_best_is_the_lowest_loss_and_the_highest_accuracy(history: History) -> None:
    assert collect_lines(history, "val_loss")[0].best == 2
    assert collect_lines(history, "val_accuracy")[0].best == 2
    assert collect_lines(history, "train_accuracy")[0].best == 3


def test_seeds_become_the_mean_and_scipys_t_interval() -> None:
    (line,) = collect_lines({"a": seeds([1.0, 3.0], [2.0, 5.0], [6.0, 4.0])}, "val_loss")
    values = np.array([[1.0, 3.0], [2.0, 5.0], [6.0, 4.0]])
    low, high = scipy.stats.t.interval(
        0.95, 2, loc=values.mean(axis=0), scale=scipy.stats.sem(values)
    )
    np.testing.assert_allclose(line.mean - line.reach, low)
    np.testing.assert_allclose(line.mean + line.reach, high)


def test_one_seed_has_no_band() -> None:
    (line,) = collect_lines({"a": seeds([1.0, 3.0])}, "val_loss")
    assert line.reach.tolist() == [0.0, 0.0]


def test_seeds_are_averaged_over_the_epochs_that_all_reached() -> None:
    (line,) = collect_lines({"a": seeds([1.0, 3.0, 9.0], [3.0, 5.0])}, "val_loss")
    assert line.epochs.tolist() == [1, 2]
    assert line.mean.tolist() == [2.0, 4.0]


def test_epochs_without_a_number_are_left_out() -> None:
    history = History([{"epoch": 1, "a": 1.0}, {"epoch": 2}, {"epoch": 3, "a": 2.0}])
    (line,) = collect_lines(history, "a")
    assert line.epochs.tolist() == [1, 3]
    assert line.mean.tolist() == [1.0, 2.0]


def test_an_unknown_column_names_those_there_are(history: History) -> None:
    with pytest.raises(DataError) as error:
        collect_lines(history, "los")
    assert str(error.value) == (
        "the history has no numbers for 'los'; it has loss, accuracy, epoch, train_loss, "
        "train_accuracy, val_loss, val_accuracy, lr"
    )


def test_a_column_that_one_run_lacks_names_that_run(history: History) -> None:
    with pytest.raises(DataError, match=r"^the history of 'b' has no numbers for 'loss'; it has"):
        collect_lines({"a": history, "b": History([{"epoch": 1, "lr": 0.1}])}, "loss")


def test_a_history_without_epochs_has_nothing_to_draw() -> None:
    with pytest.raises(DataError, match="no numbers for 'loss'; it has none yet"):
        collect_lines(History(), "loss")


def test_names_without_runs_are_refused(history: History) -> None:
    with pytest.raises(DataError, match="no run to draw under 'b'"):
        collect_lines({"a": history, "b": []}, "loss")
    with pytest.raises(DataError, match=r"no run to draw$"):
        collect_lines({}, "loss")


def test_what_is_no_run_is_refused() -> None:
    with pytest.raises(DataError, match="a history, a run, or a dict of them by name, found str"):
        collect_lines("runs/baseline", "loss")


def test_chance_is_known_from_runs_and_not_from_histories(history: History) -> None:
    run = SimpleNamespace(history=history, classes=("cat", "dog", "frog", "ship"))
    assert chance_of(run, "accuracy") == 0.25
    assert chance_of({"a": [run, run]}, "val_loss") == pytest.approx(math.log(4))
    assert chance_of(run, "lr") is None
    assert chance_of(history, "loss") is None


def test_chance_is_left_out_where_runs_have_different_classes(history: History) -> None:
    runs = {name: SimpleNamespace(history=history, classes=tuple(name)) for name in ("ab", "abc")}
    assert chance_of(runs, "loss") is None


@pytest.mark.parametrize(
    ("column", "finding"),
    [
        ("loss", "Lowest val loss: 1.4000 in epoch 3"),
        ("accuracy", "Highest val accuracy: 65.0 % in epoch 3"),
        ("train_loss", "After epoch 4, train loss is 1.0000; there is no val to choose by"),
        ("lr", "After epoch 4, lr is 0.001"),
    ],
)
def test_the_finding_names_the_best_epoch_on_val(
    history: History, column: str, finding: str
) -> None:
    assert finding_of(collect_lines(history, column), column) == finding


def test_the_finding_names_the_best_of_several_runs() -> None:
    lines = collect_lines({"a": seeds([3.0, 2.0], [3.0, 1.0]), "b": seeds([1.8])}, "loss")
    assert finding_of(lines, "loss") == "Lowest mean val loss: a, 1.5000 in epoch 2"


def test_the_finding_never_names_the_best_on_test() -> None:
    record = {"epoch": 1, "test_loss": 0.1, "val_loss": 0.9}
    assert finding_of(collect_lines(History([record]), "loss"), "loss").startswith("Lowest val")
    history = History([{"epoch": 1, "test_loss": 0.1}])
    finding = finding_of(collect_lines(history, "loss"), "loss")
    assert finding == "After epoch 1, test loss is 0.1000"


def test_chance_is_left_out_of_train_losses_on_another_scale(history: History) -> None:
    plain, focal = (
        SimpleNamespace(history=history, classes=("a", "b"), recipe=Recipe(loss=loss))
        for loss in (CrossEntropy(), FocalLoss())
    )
    assert chance_of(plain, "train_loss") == pytest.approx(math.log(2))
    assert chance_of({"plain": plain, "focal": focal}, "train_loss") is None
    assert chance_of(focal, "val_loss") == pytest.approx(math.log(2))
