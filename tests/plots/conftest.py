"""Evaluations, histories and pictures to draw, and a watch over matplotlib's global state."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cifarkit.data.image_set import ImageSet
from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.runs.history import History

ANIMALS = ("cat", "dog", "frog")


@pytest.fixture(autouse=True)
def _globals_as_found() -> Iterator[None]:
    """Fail a test whose plot changed a setting or left a figure open."""
    settings = dict(matplotlib.rcParams)
    assert plt.get_fignums() == []
    yield
    figures = plt.get_fignums()
    plt.close("all")
    assert dict(matplotlib.rcParams) == settings
    assert figures == []


@pytest.fixture
def ax() -> Axes:
    """Return axes placed by hand, which are drawn quickly because no layout is computed."""
    return Figure(figsize=(8, 6)).add_axes((0.2, 0.3, 0.6, 0.5))


@pytest.fixture
def evaluate_as() -> Callable[..., Evaluation]:
    """Make an evaluation from a confusion matrix, with the logit `sure` for each answer."""

    def make(
        confusion: list[list[int]], classes: tuple[str, ...] = ANIMALS, sure: float = 3.0
    ) -> Evaluation:
        counts = np.array(confusion)
        labels, predicted = np.indices(counts.shape).reshape(2, -1).repeat(counts.ravel(), axis=1)
        logits = np.zeros((len(labels), len(classes)), np.float32)
        logits[np.arange(len(labels)), predicted] = sure
        return Evaluation(logits, labels, classes)

    return make


@pytest.fixture
def evaluation(evaluate_as: Callable[..., Evaluation]) -> Evaluation:
    """Cats are called dogs in 5 of 10 cases, dogs frogs in 2 of 20; frogs are all right."""
    return evaluate_as([[5, 5, 0], [0, 18, 2], [0, 0, 10]])


@pytest.fixture
def image_set(evaluation: Evaluation) -> ImageSet:
    """Return pictures for `evaluation`: noise, so that all are different."""
    noise = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (40, 3, 32, 32), dtype=torch.uint8, generator=noise)
    return ImageSet(images, torch.from_numpy(evaluation.labels), ANIMALS)


@pytest.fixture
def history() -> History:
    """Four epochs; val is best in the third."""
    train, val = [2.0, 1.5, 1.2, 1.0], [2.1, 1.6, 1.4, 1.5]
    return History(
        [
            {
                "epoch": epoch,
                "train_loss": train_loss,
                "train_accuracy": 1 - train_loss / 4,
                "val_loss": val_loss,
                "val_accuracy": 1 - val_loss / 4,
                "lr": 0.001,
            }
            for epoch, train_loss, val_loss in zip([1, 2, 3, 4], train, val, strict=True)
        ]
    )
