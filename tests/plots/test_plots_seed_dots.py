from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from cifarkit.comparison.comparison import Comparison
from cifarkit.plots import comparison, differences
from cifarkit.plots.contrast import contrast
from cifarkit.plots.style import COLOURS
from cifarkit.tables import p_value

FOUR = {"plain": [0.50, 0.53, 0.51, 0.52], "wide": [0.60, 0.58, 0.59, 0.61]}


def dots(ax: Axes, label: str) -> Sequence[float]:
    (line,) = (line for line in ax.lines if line.get_label() == label)
    return list(line.get_xdata())


def diamonds(ax: Axes) -> list[float]:
    return [float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "D"]


def bars(ax: Axes) -> list[list[float]]:
    return [bar.get_segments()[0][:, 0].tolist() for bar in ax.collections]


def names(ax: Axes) -> list[str]:
    return [" ".join(label.get_text().split()) for label in ax.get_yticklabels()]


def columns(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


@pytest.fixture
def result(make_comparison: Callable[..., Comparison]) -> Comparison:
    return make_comparison(FOUR)


def test_every_seed_is_a_dot_and_the_highest_mean_is_on_top(ax: Axes, result: Comparison) -> None:
    assert comparison(result, ax=ax) is ax
    assert names(ax) == ["wide", "plain"]
    assert ax.yaxis_inverted()
    for name, accuracies in FOUR.items():
        assert dots(ax, name) == pytest.approx([100 * accuracy for accuracy in accuracies])


def test_diamonds_and_bars_are_means_and_intervals_of_the_table(
    ax: Axes, result: Comparison
) -> None:
    comparison(result, ax=ax)
    table = result.table.loc[["wide", "plain"]]
    assert diamonds(ax) == pytest.approx(100 * table["mean"])
    np.testing.assert_allclose(bars(ax), 100 * table[["low", "high"]])
    assert "95 % interval over seeds" in ax.get_xlabel()


def test_mean_and_n_stand_beside_each_variant(ax: Axes, result: Comparison) -> None:
    comparison(result, ax=ax)
    assert columns(ax) == ["mean", "59.5", "51.5", "n", "4", "4"]


def test_lines_join_dots_of_the_same_seed(ax: Axes, result: Comparison) -> None:
    comparison(result, ax=ax)
    for seed, (plain, wide) in enumerate(zip(*FOUR.values(), strict=True)):
        assert dots(ax, f"seed {seed}") == pytest.approx([100 * wide, 100 * plain])


def test_a_seed_stands_at_the_same_height_in_every_row(
    ax: Axes, make_comparison: Callable[..., Comparison]
) -> None:
    comparison(make_comparison({"a": {0: 0.6, 1: 0.6, 2: 0.6}, "b": {1: 0.5, 2: 0.5}}), ax=ax)
    tall = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert list(tall["a"][1:] + 1) == pytest.approx(list(tall["b"]))
    assert len(set(tall["a"])) == 3
    assert "seed 0" not in tall


def test_colours_are_those_of_the_order_asked_for(ax: Axes, result: Comparison) -> None:
    comparison(result, ax=ax)
    colours = {line.get_label(): line.get_color() for line in ax.lines}
    assert (colours["plain"], colours["wide"]) == COLOURS[:2]


def test_one_seed_gets_no_interval_and_it_says_so(
    ax: Axes, make_comparison: Callable[..., Comparison]
) -> None:
    comparison(make_comparison({"a": [0.5], "b": [0.6]}), ax=ax)
    assert diamonds(ax) == bars(ax) == []
    assert "one seed each, so the spread over seeds is unknown" in ax.get_xlabel()
    assert ax.get_title(loc="left") == "One seed cannot tell b from a"


def test_a_single_seed_among_several_is_pointed_out(
    ax: Axes, make_comparison: Callable[..., Comparison]
) -> None:
    comparison(make_comparison({"a": [0.5], "b": [0.6, 0.61]}), ax=ax)
    assert diamonds(ax) == pytest.approx([60.5])
    assert "none for a single seed" in " ".join(ax.get_xlabel().split())


def test_a_variant_without_a_run_keeps_its_row(
    ax: Axes, make_comparison: Callable[..., Comparison]
) -> None:
    comparison(make_comparison({"a": [], "b": [0.6, 0.61]}), ax=ax)
    assert names(ax) == ["b", "a"]
    assert columns(ax) == ["mean", "60.5", "-", "n", "2", "0"]


def test_chance_is_a_line_where_it_is_near_and_a_word_where_not(
    ax: Axes, make_comparison: Callable[..., Comparison]
) -> None:
    comparison(make_comparison({"a": [0.11, 0.09]}), ax=ax)
    assert dots(ax, "chance 10.0 %") == [10.0, 10.0]
    assert "chance" not in ax.get_xlabel()
    ax.clear()
    comparison(make_comparison({"a": [0.5, 0.51]}), ax=ax)
    assert ax.get_xlabel().endswith("chance: 10.0 %")


def test_limits_hold_every_dot_and_interval_and_stay_possible(
    ax: Axes, make_comparison: Callable[..., Comparison]
) -> None:
    comparison(make_comparison({"a": [0.96, 0.98], "b": [0.7, 0.7]}), ax=ax)
    low, high = ax.get_xlim()
    assert low < 70
    assert high == 100


def test_small_differences_do_not_look_large(
    ax: Axes, make_comparison: Callable[..., Comparison]
) -> None:
    comparison(make_comparison({"a": [0.5, 0.5], "b": [0.5, 0.5]}), ax=ax)
    low, high = ax.get_xlim()
    assert high - low == pytest.approx(1.0)


def test_differences_are_those_of_the_pairs(ax: Axes, result: Comparison) -> None:
    assert differences(result, ax=ax) is ax
    (pair,) = result.pairs
    assert names(ax) == ["wide - plain"]
    assert dots(ax, "wide - plain") == pytest.approx([10, 5, 8, 9])
    assert diamonds(ax) == pytest.approx([100 * pair.difference])
    np.testing.assert_allclose(bars(ax), [[100 * pair.interval.low, 100 * pair.interval.high]])
    texts = ["equal", "points", "+8.0", "p, Holm", p_value(pair.p_holm), "n", "4"]
    assert columns(ax) == texts


def test_differences_show_where_both_are_equal(ax: Axes, result: Comparison) -> None:
    differences(result, ax=ax)
    assert dots(ax, "equal") == [0.0, 0.0]
    low, high = ax.get_xlim()
    assert low < 0 < high


def test_pairs_without_a_shared_seed_keep_their_row(
    ax: Axes, make_comparison: Callable[..., Comparison]
) -> None:
    differences(make_comparison({"a": {0: 0.5}, "b": {1: 0.6}}), ax=ax)
    assert columns(ax)[1:] == ["points", "-", "p, Holm", "-", "n", "0"]


@pytest.mark.parametrize("plot", [comparison, differences])
def test_names_are_written_as_they_are_and_can_be_read(
    ax: Axes, make_comparison: Callable[..., Comparison], plot: Callable[..., Axes]
) -> None:
    plot(make_comparison({"$x_1$": [0.5, 0.6], r"\frac": [0.6, 0.7]}), ax=ax)
    texts = [ax._left_title, ax.xaxis.label, *ax.texts, *ax.get_yticklabels()]
    assert not any(text.get_parse_math() for text in texts)
    assert all(contrast(to_hex(text.get_color()), "white") >= 4.5 for text in texts)
