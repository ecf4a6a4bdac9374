from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

import cifarkit as ck
from cifarkit.errors import DataError
from cifarkit.plots import curves
from cifarkit.plots.contrast import contrast
from cifarkit.plots.style import COLOURS
from cifarkit.runs.history import History


def line(ax: Axes, label: str) -> Line2D:
    (line,) = (line for line in ax.lines if line.get_label() == label)
    return line


def ends(ax: Axes) -> list[str]:
    return [" ".join(text.get_text().split()) for text in ax.texts]


def with_test(history: History) -> History:
    return History([record | {"test_loss": record["val_loss"] + 0.1} for record in history])


def test_lines_hold_the_history(ax: Axes, history: History) -> None:
    assert curves(history, ax=ax) is ax
    assert line(ax, "train").get_ydata() == pytest.approx(history.column("train_loss"))
    assert line(ax, "val").get_ydata() == pytest.approx(history.column("val_loss"))
    assert line(ax, "val").get_xdata() == pytest.approx([1, 2, 3, 4])


def test_accuracies_are_shown_in_per_cent(ax: Axes, history: History) -> None:
    curves(history, "accuracy", ax=ax)
    expected = 100 * np.array(history.column("val_accuracy"))
    assert line(ax, "val").get_ydata() == pytest.approx(expected)
    assert ax.get_ylabel() == "accuracy in %"


def test_any_other_column_can_be_drawn(ax: Axes, history: History) -> None:
    curves(history, "lr", ax=ax)
    assert line(ax, "lr").get_ydata() == pytest.approx([0.001] * 4)
    assert ax.get_title(loc="left") == "After epoch 4, lr is 0.001"


def test_train_is_dashed_val_solid_and_test_dotted(ax: Axes, history: History) -> None:
    curves(with_test(history), ax=ax)
    assert line(ax, "train").get_linestyle() == "--"
    assert line(ax, "val").get_linestyle() == "-"
    assert line(ax, "test").get_linestyle() == ":"
    assert len({line(ax, split).get_color() for split in ("train", "val", "test")}) == 3


def test_labels_stand_at_the_ends_of_lines(ax: Axes, history: History) -> None:
    curves(with_test(history), ax=ax)
    assert ends(ax) == ["train", "val", "test"]
    assert [text.xy[1] for text in ax.texts] == pytest.approx([1.0, 1.5, 1.6])


def test_a_legend_shows_the_dash_and_colour_of_each_split(ax: Axes, history: History) -> None:
    curves(with_test(history), ax=ax)
    legend = ax.get_legend()
    shown = {text.get_text(): text.get_color() for text in legend.get_texts()}
    assert list(shown) == ["train", "val", "best val", "test (observed, not for choosing)"]
    assert all(contrast(colour, "white") >= 4.5 for colour in shown.values())
    for sample, split in zip(legend.get_lines()[:2], ("train", "val"), strict=True):
        drawn = line(ax, split)
        assert sample.get_color() == drawn.get_color()
        assert sample.get_linestyle() == drawn.get_linestyle()


def test_what_has_no_split_needs_no_legend(ax: Axes, history: History) -> None:
    curves(history, "lr", ax=ax)
    assert ax.get_legend() is None


def test_a_ring_marks_the_best_epoch_on_val(ax: Axes, history: History) -> None:
    curves(history, ax=ax)
    assert line(ax, "best").get_xydata().tolist() == [[3.0, 1.4]]
    assert ax.get_title(loc="left") == "Lowest val loss: 1.4000 in epoch 3"


def test_without_val_nothing_is_marked(ax: Axes) -> None:
    curves(History([{"epoch": 1, "train_loss": 2.0}]), ax=ax)
    assert [line.get_label() for line in ax.lines] == ["train"]


def test_runs_are_told_apart_by_colour_and_name(ax: Axes, history: History) -> None:
    curves({"plain": history, "deeper": history}, ax=ax)
    assert ends(ax) == ["plain", "deeper"]
    deeper = [line for line in ax.lines if line.get_label() == "deeper"]
    assert [line.get_color() for line in deeper] == [COLOURS[1]] * 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["train", "val", "best val"]


def test_labels_can_be_read_on_white(ax: Axes, history: History) -> None:
    curves({f"variant {number}": history for number in range(6)}, ax=ax)
    assert len(ax.texts) == 6
    assert all(contrast(to_hex(text.get_color()), "white") >= 4.5 for text in ax.texts)


def test_seeds_get_a_band_that_says_what_it_is(ax: Axes, history: History) -> None:
    other = History([record | {"val_loss": record["val_loss"] + 0.2} for record in history])
    curves({"plain": [history, other]}, "val_loss", ax=ax)
    assert line(ax, "val").get_ydata() == pytest.approx([2.2, 1.7, 1.5, 1.6])
    (band,) = ax.collections
    low, high = band.get_paths()[0].vertices[:, 1].min(), band.get_paths()[0].vertices[:, 1].max()
    # Two seeds 0.2 apart: t(0.975, 1) = 12.706 times a standard error of 0.1.
    assert (low, high) == pytest.approx((1.5 - 1.2706, 2.2 + 1.2706), abs=1e-3)
    assert "band: 95 % t-interval of the mean over 2 seeds" in ax.get_xlabel()


def test_one_seed_gets_no_band(ax: Axes, history: History) -> None:
    curves({"plain": [history]}, ax=ax)
    assert len(ax.collections) == 0
    assert "band" not in ax.get_xlabel()


def test_limits_follow_the_runs_and_not_their_band(ax: Axes, history: History) -> None:
    other = History([record | {"val_loss": record["val_loss"] + 0.2} for record in history])
    curves({"plain": [history, other]}, "val_loss", ax=ax)
    low, high = ax.get_ylim()
    assert 1.2 < low < 1.4
    assert 2.3 < high < 2.5


def test_chance_is_a_line_where_it_lies_among_the_data(ax: Axes, history: History) -> None:
    run = SimpleNamespace(history=history, classes=("cat", "dog"))
    curves(run, "accuracy", ax=ax)
    assert set(line(ax, "chance").get_ydata()) == {50.0}
    assert ends(ax)[-1] == "chance 50.0 %"


def test_chance_is_named_below_where_it_lies_outside(ax: Axes, history: History) -> None:
    run = SimpleNamespace(history=history, classes=tuple("abcdefghij"))
    curves(run, "loss", ax=ax)
    assert "chance: 2.303" in ax.get_xlabel()
    assert "chance" not in [line.get_label() for line in ax.lines]


def test_chance_of_a_bare_history_is_left_out(ax: Axes, history: History) -> None:
    curves(history, "accuracy", ax=ax)
    assert "chance" not in ax.get_xlabel()


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 100])
def test_ticks_stand_at_whole_epochs_that_there_are(ax: Axes, epochs: int) -> None:
    curves(History([{"epoch": 1 + index, "val_loss": 1.0} for index in range(epochs)]), ax=ax)
    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    assert ticks
    assert all(tick == round(tick) and 1 <= tick <= epochs for tick in ticks)


def test_a_single_epoch_is_a_dot(ax: Axes, history: History) -> None:
    curves(History([history[0]]), ax=ax)
    assert line(ax, "val").get_marker() == "o"


def test_names_are_written_as_they_are(ax: Axes, history: History) -> None:
    curves({"$x_1$": history, r"\frac": history}, ax=ax)
    assert ends(ax) == ["$x_1$", r"\frac"]
    assert not any(text.get_parse_math() for text in ax.texts)


def test_an_unknown_column_draws_nothing(ax: Axes, history: History) -> None:
    with pytest.raises(DataError, match="no numbers for 'f1'; it has loss, accuracy, epoch"):
        curves(history, "f1", ax=ax)
    assert len(ax.lines) == 0


def trained_by(loss: ck.Loss, history: History) -> SimpleNamespace:
    recipe = ck.Recipe(loss=loss)
    return SimpleNamespace(history=history, classes=tuple("abcdefghij"), recipe=recipe)


def keys(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (ck.FocalLoss(), "ck.FocalLoss()"),
        (ck.CrossEntropy(label_smoothing=0.1), "ck.CrossEntropy(label_smoothing=0.1)"),
        (ck.CrossEntropy(class_weights=(1.0, 2.5) * 5), "ck.CrossEntropy(…)"),
    ],
)
def test_the_legend_says_which_loss_is_which_where_they_differ(
    ax: Axes, history: History, loss: ck.Loss, said: str
) -> None:
    curves(trained_by(loss, with_test(history)), ax=ax)
    assert keys(ax) == [
        f"train: {said}",
        "val: cross-entropy",
        "best val",
        "test: cross-entropy (observed, not for choosing)",
    ]
    assert ends(ax)[:3] == ["train", "val", "test"]


def test_plain_cross_entropy_and_accuracies_need_no_word(ax: Axes, history: History) -> None:
    curves(trained_by(ck.CrossEntropy(), history), ax=ax)
    assert keys(ax) == ["train", "val", "best val"]
    curves(trained_by(ck.FocalLoss(), history), "accuracy", ax=ax)
    assert keys(ax) == ["train", "val", "best val"]


def test_runs_with_different_losses_are_said_to_have_their_own(ax: Axes, history: History) -> None:
    losses = {"plain": ck.CrossEntropy(), "focal": ck.FocalLoss()}
    curves({name: trained_by(loss, history) for name, loss in losses.items()}, ax=ax)
    assert keys(ax) == ["train: each recipe's own loss", "val: cross-entropy", "best val"]


def test_the_chance_of_cross_entropy_is_not_that_of_another_loss(
    ax: Axes, history: History
) -> None:
    curves(trained_by(ck.FocalLoss(), history), "train_loss", ax=ax)
    assert "chance" not in ax.get_xlabel()
    curves(trained_by(ck.FocalLoss(), history), "val_loss", ax=ax)
    assert "chance: 2.303" in ax.get_xlabel()
