"""What all plots have in common: where they draw, and what they do not change."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import cifarkit.plots
from cifarkit.comparison.comparison import Comparison
from cifarkit.data.augmentations import Flip
from cifarkit.data.image_set import ImageSet
from cifarkit.data.near_duplicates import near_duplicates
from cifarkit.data.splits import Splits
from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.evaluation.robustness import Robustness
from cifarkit.models.registry import create_model
from cifarkit.plots.contrast import contrast
from cifarkit.recipes.recipe import Recipe
from cifarkit.runs.history import History
from cifarkit.training.callbacks.lr_finder import LRFinder
from cifarkit.training.profiling import Profile
from cifarkit.tuning.page import Search
from cifarkit.tuning.space import LogRange
from cifarkit.tuning.trials import Trial

COMPARING = ("comparison", "differences")
SINGLE = (
    "curves",
    "confusion",
    "per_class",
    "reliability",
    "lr_finder",
    "profile",
    "robustness",
    "search",
    *COMPARING,
)
OF_PICTURES = ("samples", "predictions", "top_losses", "confused")
OF_NETWORKS = ("grad_cam", "activations", "filters")
GRIDS = (*OF_PICTURES, *OF_NETWORKS, "augmented", "near_duplicates")


@pytest.fixture
def draw(
    evaluation: Evaluation,
    image_set: ImageSet,
    history: History,
    make_comparison: Callable[..., Comparison],
) -> Callable[..., object]:
    """Draw any of the plots by name."""
    result = make_comparison({"plain": [0.1, 0.2, 0.15], "wide": [0.3, 0.25, 0.3]})
    data = {"curves": (history,), "samples": (image_set,)}
    data |= dict.fromkeys(OF_PICTURES[1:], (evaluation, image_set))
    data |= dict.fromkeys(COMPARING, (result,))
    network, finder = create_model("baseline", num_classes=3), LRFinder()
    finder.rates, finder.losses = [1e-3, 1e-2, 1e-1, 1.0], [2.3, 2.0, 1.5, 9.0]
    data |= {"filters": (network,), "activations": (network, image_set[0][0], "3")}
    data |= {"grad_cam": (network, evaluation, image_set), "lr_finder": (finder,)}
    data["robustness"] = (Robustness(evaluation, {"fog": [evaluation] * 5}),)
    parts = {"data": 0.001, "forward": 0.002, "backward": 0.004}
    data["profile"] = (Profile("mlp", parts, {"1 Linear": 0.002}, 50, 64, "cpu"),)
    data["augmented"] = (Recipe(augment=Flip()), image_set)
    baseline = result.variants[0]
    trial = Trial(0, {"optimizer.lr": 0.01}, baseline, Path("runs"), val_accuracy=0.3)
    space = {"optimizer.lr": LogRange(1e-4, 1e-1)}
    data["search"] = (Search(baseline, result.variants[1], space, "random", 0, (trial,), result),)
    twice = Splits(image_set, None, image_set, "train twice")
    data["near_duplicates"] = (near_duplicates(twice), twice)

    def by_name(name: str, **where: Axes | Figure) -> object:
        return getattr(cifarkit.plots, name)(*data.get(name, (evaluation,)), **where)

    return by_name


def test_these_are_all_plots() -> None:
    assert sorted(SINGLE + GRIDS) == sorted(cifarkit.plots.__all__)


@pytest.mark.parametrize("name", SINGLE)
def test_without_axes_a_single_plot_makes_one_figure_of_pyplot(
    draw: Callable[..., object], name: str
) -> None:
    ax = draw(name)
    assert isinstance(ax, Axes)
    assert plt.get_fignums() == [ax.get_figure().number]
    plt.close("all")


@pytest.mark.parametrize("name", GRIDS)
def test_without_a_figure_a_grid_makes_one_of_pyplot(
    draw: Callable[..., object], name: str
) -> None:
    figure = draw(name)
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == [figure.number]
    plt.close("all")


@pytest.mark.parametrize("name", SINGLE)
def test_titles_are_left_aligned_and_alone(draw: Callable[..., object], name: str) -> None:
    figure = Figure(figsize=(6.4, 5))
    ax = draw(name, ax=figure.subplots())
    figure.draw_without_rendering()
    assert ax.get_title(loc="left")
    assert ax.get_title() == ax.get_title(loc="right") == ""
    left_of_all = ax.get_tightbbox(for_layout_only=True).x0
    assert ax._left_title.get_window_extent().x0 == pytest.approx(left_of_all, abs=3)


@pytest.mark.parametrize("name", SINGLE)
def test_a_dark_style_of_the_user_is_no_hindrance(draw: Callable[..., object], name: str) -> None:
    with matplotlib.rc_context({"figure.facecolor": "black", "text.color": "white"}):
        figure = Figure()
        ax = draw(name, ax=figure.add_axes((0.2, 0.3, 0.6, 0.5)))
        assert matplotlib.rcParams["text.color"] == "white"
    assert to_hex(figure.get_facecolor()) == "#ffffff"
    texts = [ax.xaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels()]
    if name != "confusion":  # its numbers stand on colours, not on white
        texts += ax.texts
    assert len(texts) > 5
    assert all(contrast(to_hex(text.get_color()), "white") >= 4.5 for text in texts)


def test_axes_placed_by_hand_stay_where_they_are(draw: Callable[..., object]) -> None:
    ax = Figure().add_axes((0.2, 0.3, 0.5, 0.4))
    draw("curves", ax=ax)
    assert ax.get_position().bounds == pytest.approx((0.2, 0.3, 0.5, 0.4))


def test_a_title_of_the_user_replaces_ours(draw: Callable[..., object], ax: Axes) -> None:
    draw("per_class", ax=ax)
    ax.set_title("Mine", loc="left")
    assert ax.get_title(loc="left") == "Mine"


def test_a_bare_figure_needs_no_pyplot() -> None:
    code = """
import sys
from matplotlib.figure import Figure
import cifarkit as ck
data = ck.load_synthetic(n_train=20, n_test=10, val_size=5)
evaluation = ck.evaluate(ck.create_model("linear"), data.test)
history = ck.History([{"epoch": 1, "val_loss": 2.0}])
ck.plots.curves(history, ax=Figure().subplots())
ck.plots.reliability(evaluation, ax=Figure().subplots())
ck.plots.predictions(evaluation, data.test, figure=Figure())
print("matplotlib.pyplot" in sys.modules)
ck.plots.curves(history)
print("matplotlib.pyplot" in sys.modules)
"""
    environment = {"MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.split() == ["False", "True"]
