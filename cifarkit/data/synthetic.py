"""The built-in data set: drawn pictures, for work without CIFAR-10 and without a connection."""

from __future__ import annotations

import inspect
from typing import Annotated

import torch

from cifarkit.annotations import Range
from cifarkit.arguments import Seed, checked
from cifarkit.data.image_set import ImageSet
from cifarkit.data.splits import Splits, split_off_val
from cifarkit.data.synthetic_drawing import SYNTHETIC_CLASSES, draw_pictures
from cifarkit.guidance import explains_arguments
from cifarkit.randomness import generator_for

__all__ = ["DEFAULTS", "load_synthetic"]

MOST_PICTURES = 1_000_000


@explains_arguments("ck.load_synthetic")
def load_synthetic(
    *, n_train: int = 10_000, n_test: int = 2_000, val_size: int | float = 1_000, seed: int = 0
) -> Splits:
    """Draw ten classes of 32 by 32 pictures from a seed, in a second or two.

    Shapes of varied colour, position, size and tilt, on varied backgrounds and partly covered:
    hard enough that regularisation, depth and augmentation make a difference. It is for
    practice; results on it say nothing about CIFAR-10.

    Args:
        n_train: training pictures, including those that become val.
        n_test: test pictures.
        val_size: how many training pictures, or which share of them, become val.
        seed: the seed of the pictures and of the split.

    Returns:
        The three image sets, under the name `"synthetic"`; their `source` has the sizes that are
        not the default ones, so that `load_data` makes the same set again.

    Raises:
        DataError: a count or the seed is out of range.

    >>> load_synthetic(n_train=200, n_test=50, val_size=20).train
    ImageSet(180 images of 10 classes)
    """
    checked("seed", seed, Seed)
    train = _draw("n_train", n_train, seed, "train")
    test = _draw("n_test", n_test, seed, "test")
    settings = {"n_train": n_train, "n_test": n_test, "val_size": val_size, "seed": seed}
    others = [f"{name}={value}" for name, value in settings.items() if value != DEFAULTS[name]]
    source = f"synthetic:{','.join(others)}" if others else "synthetic"
    return split_off_val(
        train, test, val_size=val_size, split_seed=seed, name="synthetic", source=source
    )


PARAMETERS = inspect.signature(load_synthetic).parameters
DEFAULTS = {name: parameter.default for name, parameter in PARAMETERS.items()}


def _draw(name: str, count: int, seed: int, part: str) -> ImageSet:
    count = checked(name, count, Annotated[int, Range(1, MOST_PICTURES)])
    # Classes take turns, so that every set is balanced as well as its size allows.
    labels = torch.arange(count) % len(SYNTHETIC_CLASSES)
    images = draw_pictures(labels, generator_for("synthetic", seed, part))
    return ImageSet(images, labels, SYNTHETIC_CLASSES)
