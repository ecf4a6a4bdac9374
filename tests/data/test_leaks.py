"""Test pictures that were there to be learnt by heart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cifarkit as ck
from cifarkit.data.leaks import count_leaks

CLASSES = ["cat", "dog"]


def pictures(count: int, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), np.uint8)
    return drawn.astype(np.uint8)


def labels(count: int) -> np.ndarray:
    return np.arange(count) % 2


def test_drawn_pictures_leak_none(tiny: ck.Splits) -> None:
    assert count_leaks(tiny) == 0


@pytest.mark.parametrize("val_size", [0, 30])
def test_pictures_of_train_and_of_val_are_counted_each_once(val_size: int) -> None:
    train, test = pictures(60), pictures(300, seed=1)
    test[[3, 50, 299]] = train[[0, 7, 0]]  # one of them twice
    splits = ck.load_arrays(
        *(train, labels(60), test, labels(300)), classes=CLASSES, val_size=val_size
    )
    assert count_leaks(splits) == 3


def test_a_picture_that_differs_by_one_number_is_another() -> None:
    train = pictures(20)
    test = train.copy()
    test[:, 0, 0, 0] ^= 1
    splits = ck.load_arrays(train, labels(20), test, labels(20), classes=CLASSES)
    assert count_leaks(splits) == 0


@pytest.mark.parametrize(("leaks", "warns"), [(0, False), (2, False), (3, True), (200, True)])
def test_more_than_one_in_a_hundred_is_warned_of(leaks: int, warns: bool) -> None:
    train, test = pictures(200), pictures(200, seed=1)
    test[:leaks] = train[:leaks]
    arguments = train, labels(200), test, labels(200)
    if warns:
        with pytest.warns(ck.CifarkitWarning, match=f"{leaks} of the 200 test pictures"):
            ck.load_arrays(*arguments, classes=CLASSES)
    else:
        ck.load_arrays(*arguments, classes=CLASSES)  # a warning would be an error


def test_an_image_folder_whose_test_is_its_train_is_warned_of_each_time(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for seed, label in enumerate(CLASSES):
            folder = tmp_path / part / label
            folder.mkdir(parents=True)
            Image.fromarray(pictures(1, seed)[0]).save(folder / "1.png")
    for _ in range(2):  # decoded, and from the cache
        with pytest.warns(ck.CifarkitWarning, match="2 of the 2 test pictures"):
            ck.load_image_folder(tmp_path, val_size=0)
