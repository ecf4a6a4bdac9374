"""Every figure, narrow and wide: no text runs off the figure or into other text."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from cifarkit.comparison.comparison import Comparison
from cifarkit.data.corruptions.corrupt import list_corruptions
from cifarkit.data.image_set import ImageSet
from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.evaluation.robustness import Robustness
from cifarkit.models.registry import create_model
from cifarkit.plots import (
    activations,
    augmented,
    comparison,
    confused,
    confusion,
    curves,
    differences,
    filters,
    grad_cam,
    lr_finder,
    per_class,
    predictions,
    reliability,
    robustness,
    samples,
    top_losses,
)
from cifarkit.recipes.recipe import Recipe
from cifarkit.runs.history import History
from cifarkit.training.callbacks.lr_finder import LRFinder

SHORT = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
LONG = tuple(f"{name} of the kind whose name has no end to it"[:40] for name in SHORT)
UNBROKEN = tuple(f"{name}abcdefghijklmnopqrstuvwxyzabcdefghijklmnop"[:40] for name in SHORT)
NAMES = {"short": SHORT, "long": LONG, "unbroken": UNBROKEN}


def boxes(figure: Figure) -> dict[str, Bbox]:
    """Draw a figure and return where its texts lie, in pixels."""
    drawn: list[Text] = []
    draw = Text.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Text, "draw", lambda text, renderer: drawn.append(text) or draw(text, renderer)
        )
        figure.draw_without_rendering()
    shown = [text for text in drawn if text.get_visible() and text.get_text().strip()]
    # The method of Text, because that of an annotation counts its leader too.
    return {
        f"{index} {text.get_text()!r}": Text.get_window_extent(text)
        for index, text in enumerate(shown)
    }


def faults(figure: Figure) -> list[str]:
    named = boxes(figure)
    whole = figure.bbox.padded(1.5)
    clipped = [
        f"{name} is clipped"
        for name, box in named.items()
        if not (whole.contains(box.x0, box.y0) and whole.contains(box.x1, box.y1))
    ]
    overlapping = [
        f"{name} overlaps {other}"
        for (name, box), (other, other_box) in combinations(named.items(), 2)
        if box.padded(-1).overlaps(other_box.padded(-1))
    ]
    return clipped + overlapping


def evaluation_of(classes: tuple[str, ...], *, skill: float = 2.0, n: int = 300) -> Evaluation:
    random = np.random.default_rng(0)
    labels = np.arange(n) % len(classes)
    logits = random.normal(size=(n, len(classes)))
    logits[np.arange(n), labels] += skill
    return Evaluation(logits.astype(np.float32), labels, classes)


def pictures_of(evaluation: Evaluation) -> ImageSet:
    images = torch.zeros(len(evaluation), 3, 32, 32, dtype=torch.uint8)
    return ImageSet(images, torch.from_numpy(evaluation.labels), evaluation.classes)


def history_of(epochs: int, ends_at: float, *, test: bool = False) -> History:
    records = []
    for epoch in range(1, epochs + 1):
        accuracy = ends_at * epoch / (epoch + 3)
        record = {"epoch": epoch, "train_accuracy": accuracy + 0.1, "val_accuracy": accuracy}
        records.append(record | ({"test_accuracy": accuracy - 0.002} if test else {}))
    return History(records)


def test_what_is_clipped_or_overlaps_would_be_found() -> None:
    figure = Figure(figsize=(4, 3))
    figure.text(0.5, 0.5, "one label")
    assert faults(figure) == []
    figure.text(0.52, 0.5, "another label")
    figure.text(0.9, 0.1, "a label that runs off")
    assert len(faults(figure)) == 2


@pytest.mark.parametrize(
    ("names", "classes", "width"),
    [
        ("short", 3, 4.0),
        ("short", 10, 4.0),
        ("long", 10, 4.0),
        ("unbroken", 10, 4.0),
        ("long", 10, 10.0),
    ],
)
@pytest.mark.parametrize("plot", [confusion, per_class])
def test_class_names_have_room(
    plot: Callable[..., object], names: str, classes: int, width: float
) -> None:
    figure = Figure(figsize=(width, width))
    plot(evaluation_of(NAMES[names][:classes]), ax=figure.subplots())
    assert faults(figure) == []


@pytest.mark.parametrize("skill", [-50.0, 50.0])
@pytest.mark.parametrize("plot", [confusion, per_class, reliability])
def test_perfect_and_terrible_evaluations_have_room(
    plot: Callable[..., object], skill: float
) -> None:
    figure = Figure(figsize=(4, 4), layout="constrained")
    plot(evaluation_of(SHORT, skill=skill), ax=figure.subplots())
    assert faults(figure) == []


@pytest.mark.parametrize(
    ("epochs", "width", "height"), [(1, 4.0, 3.0), (100, 4.0, 3.0), (100, 10.0, 5.0)]
)
def test_curves_of_one_run_have_room(epochs: int, width: float, height: float) -> None:
    figure = Figure(figsize=(width, height))
    run = SimpleNamespace(history=history_of(epochs, 0.8, test=True), classes=SHORT)
    curves(run, "accuracy", ax=figure.subplots())
    assert faults(figure) == []


@pytest.mark.parametrize(
    ("names", "width", "height"),
    [("short", 4.0, 3.0), ("long", 4.0, 3.0), ("unbroken", 4.0, 3.0), ("unbroken", 10.0, 5.0)],
)
def test_curves_of_many_runs_have_room(names: str, width: float, height: float) -> None:
    figure = Figure(figsize=(width, height))
    runs = {
        name: [history_of(20 - index, 0.8 + index / 500 + seed / 100) for seed in range(3)]
        for index, name in enumerate(NAMES[names][:5])
    }
    curves(runs, "accuracy", ax=figure.subplots())
    assert faults(figure) == []


@pytest.mark.parametrize(
    ("names", "variants", "seeds", "width", "height"),
    [
        ("short", 1, 1, 4.0, 2.5),
        ("short", 2, 30, 4.0, 3.0),
        ("long", 10, 10, 4.0, 8.0),
        ("unbroken", 10, 1, 4.0, 8.0),
        ("long", 10, 2, 10.0, 7.0),
    ],
)
@pytest.mark.parametrize("plot", [comparison, differences])
def test_comparisons_have_room(
    make_comparison: Callable[..., Comparison],
    plot: Callable[..., object],
    names: str,
    variants: int,
    seeds: int,
    width: float,
    height: float,
) -> None:
    random = np.random.default_rng(0)
    if plot is differences:
        variants, height = max(2, variants), min(20.0, 2.5 * height)  # of ten there are 45 pairs
    accuracies = {name: random.uniform(0.05, 0.2, seeds) for name in NAMES[names][:variants]}
    figure = Figure(figsize=(width, height))
    plot(make_comparison(accuracies), ax=figure.subplots())
    assert faults(figure) == []


@pytest.mark.parametrize(("names", "width"), [("short", 4.0), ("unbroken", 4.0), ("long", 10.0)])
def test_pictures_have_room(names: str, width: float) -> None:
    evaluation = evaluation_of(NAMES[names])
    image_set = pictures_of(evaluation)
    for figure in (
        samples(image_set, n=4, figure=Figure(figsize=(width, 3))),
        augmented(Recipe(), image_set, n=2, figure=Figure(figsize=(width, 3))),
        predictions(evaluation, image_set, n=4, figure=Figure(figsize=(width, 3))),
        top_losses(evaluation, image_set, n=4, figure=Figure(figsize=(width, 3))),
        confused(evaluation, image_set, pairs=2, n=4, figure=Figure(figsize=(width, 3))),
    ):
        assert faults(figure) == []


@pytest.mark.parametrize(("width", "height"), [(4.0, 3.5), (6.4, 4.6), (10.0, 5.0)])
@pytest.mark.parametrize("names", [None, "short", "unbroken"])
def test_robustness_has_room(names: str | None, width: float, height: float) -> None:
    skills = [2.0, 1.8, 1.6, 1.4, 1.2]
    evaluations = [evaluation_of(SHORT, skill=skill) for skill in skills]
    kinds = dict.fromkeys(list_corruptions(), evaluations)
    one = Robustness(evaluation_of(SHORT, skill=3.0), kinds)
    figure = Figure(figsize=(width, height))
    several = one if names is None else dict.fromkeys(NAMES[names][:5], one)
    robustness(several, ax=figure.subplots())
    assert faults(figure) == []


@pytest.mark.parametrize(("names", "width"), [("short", 4.0), ("unbroken", 4.0), ("long", 10.0)])
def test_what_a_network_looks_at_has_room(names: str, width: float) -> None:
    evaluation = evaluation_of(NAMES[names], n=40)
    image_set, model = pictures_of(evaluation), create_model("baseline")
    for figure in (
        grad_cam(model, evaluation, image_set, n=2, figure=Figure(figsize=(width, 3))),
        activations(model, image_set[0][0], "3", n=5, figure=Figure(figsize=(width, 3))),
        filters(model, n=5, figure=Figure(figsize=(width, 3))),
    ):
        assert faults(figure) == []


@pytest.mark.parametrize(("width", "height"), [(4.0, 3.0), (10.0, 5.0)])
def test_the_rate_test_has_room(width: float, height: float) -> None:
    finder = LRFinder()
    finder.rates, finder.losses = np.geomspace(1e-6, 1, 5).tolist(), [2.3, 2.2, 1.8, 1.5, 9.0]
    figure = Figure(figsize=(width, height))
    lr_finder(finder, ax=figure.subplots())
    assert faults(figure) == []


def test_two_plots_share_a_figure() -> None:
    figure = Figure(figsize=(11, 5))
    left, right = figure.subplots(1, 2)
    confusion(evaluation_of(SHORT), ax=left)
    per_class(evaluation_of(LONG), ax=right)
    assert faults(figure) == []
