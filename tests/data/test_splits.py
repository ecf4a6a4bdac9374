"""Splits are disjoint, whole, stratified, decided by the seed alone and sealed by a fingerprint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

import cifarkit as ck
from cifarkit.arguments import Seed, checked
from cifarkit.data.splits import split_off_val

CLASSES = ("a", "b", "c", "d")


def numbered(labels: list[int]) -> ck.ImageSet:
    """Make images that carry their own number, so that each can be found again."""
    images = torch.zeros(len(labels), 3, 32, 32, dtype=torch.uint8)
    for index in range(len(labels)):
        images[index, 0, 0, 0], images[index, 0, 0, 1] = index // 256, index % 256
    return ck.ImageSet(images, torch.tensor(labels, dtype=torch.int64), CLASSES)


def numbers(image_set: ck.ImageSet | None) -> list[int]:
    if image_set is None:
        return []
    return [int(image[0, 0, 0]) * 256 + int(image[0, 0, 1]) for image in image_set.images]


def split(labels: list[int], val_size: float, seed: int = 0) -> ck.Splits:
    train = numbered(labels)
    return split_off_val(train, train, val_size=val_size, split_seed=seed, name="numbered")


def is_whole(labels: list[int], splits: ck.Splits, count: int) -> bool:
    """Say whether train and val are disjoint, cover everything, and val has its size."""
    train, val = numbers(splits.train), numbers(splits.val)
    return sorted(train + val) == list(range(len(labels))) and len(val) == count


def is_stratified(labels: list[int], splits: ck.Splits, count: int) -> bool:
    """Say whether val holds of each class its share, to within one image."""
    val = [labels[number] for number in numbers(splits.val)]
    return all(
        abs(val.count(label) - labels.count(label) * count / len(labels)) < 1 for label in range(4)
    )


label_lists = st.lists(st.integers(0, 3), min_size=1, max_size=60)


@settings(deadline=None, max_examples=50)
@given(labels=label_lists, data=st.data(), seed=st.integers(0, 2**63 - 1))
def test_splits_are_disjoint_whole_and_stratified(
    labels: list[int], data: st.DataObject, seed: int
) -> None:
    count = data.draw(st.integers(0, len(labels) - 1))
    splits = split(labels, count, seed)
    assert is_whole(labels, splits, count)
    assert is_stratified(labels, splits, count)
    assert (splits.val is None) == (count == 0)
    for part in (splits.train, splits.val):
        if part is not None:  # each picture kept its own label
            assert part.labels.tolist() == [labels[number] for number in numbers(part)]
            assert part.classes == splits.classes == CLASSES


def test_a_split_that_looks_at_the_order_alone_would_be_caught() -> None:
    labels = [0] * 30 + [1] * 30
    whole = numbered(labels)
    biased = dataclasses.replace(
        split(labels, 20), train=whole.subset(range(20, 60)), val=whole.subset(range(20))
    )
    assert is_whole(labels, biased, 20)
    assert not is_stratified(labels, biased, 20)


def test_a_split_that_shares_an_image_would_be_caught() -> None:
    labels = [0, 1] * 10
    honest = split(labels, 4)
    leaking = dataclasses.replace(honest, train=numbered(labels))
    assert is_whole(labels, honest, 4)
    assert not is_whole(labels, leaking, 4)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**63 - 1), drawn=st.integers(0, 5))
def test_a_split_depends_on_its_seed_alone(seed: int, drawn: int) -> None:
    labels = [0, 1, 2, 3] * 10
    torch.rand(drawn)
    first, again = split(labels, 12, seed), split(labels, 12, np.int64(seed))
    assert numbers(first.val) == numbers(again.val)
    assert first.fingerprint == again.fingerprint
    assert numbers(split(labels, 12, (seed + 1) % 2**63).val) != numbers(first.val)


def test_every_image_gets_its_turn_in_val() -> None:
    labels = [0, 1, 2, 3] * 5
    chosen = [number for seed in range(100) for number in numbers(split(labels, 4, seed).val)]
    counts = [chosen.count(number) for number in range(20)]
    assert sum(counts) == 400
    # Each is drawn with probability 1/5: 20 of 100, standard deviation 4.
    assert min(counts) > 2
    assert max(counts) < 38


@pytest.mark.parametrize(
    ("val_size", "count"),
    [
        (0, 0),
        (0.0, 0),
        (-0.0, 0),
        (0.1, 1),
        (0.5, 5),
        (Fraction(1, 5), 2),
        (np.float32(0.3), 3),
        (np.int64(9), 9),
        (9, 9),
    ],
)
def test_val_size_is_a_count_or_a_share(val_size: float, count: int) -> None:
    assert len(numbers(split([0, 1] * 5, val_size).val)) == count


@pytest.mark.parametrize(
    "val_size",
    [10, 11, -1, 1.0, 0.99, -0.1, 5.0, float("nan"), float("inf"), True, "5", None, [1], 1j, 2**80],
    ids=repr,
)
def test_a_val_size_that_leaves_nothing_to_train_on_or_is_none_is_refused(val_size: Any) -> None:
    with pytest.raises(ck.DataError, match="allowed is a count from 0 to 9 or a fraction") as error:
        split([0, 1] * 5, val_size)
    assert f"val_size={val_size!r} cannot be taken out of 10 training images" in str(error.value)


@pytest.mark.parametrize("seed", [-1, 2**63, 0.0, True, None, "0", float("nan")], ids=repr)
def test_a_seed_that_is_none_is_refused(seed: Any) -> None:
    with pytest.raises(ck.DataError, match=r"split_seed must be a whole number, 0 <= value <= 9"):
        split([0, 1], 0, seed)


def test_the_largest_seed_is_allowed() -> None:
    checked("seed", 2**63 - 1, Seed)
    checked("seed", np.uint8(255), Seed)


@pytest.mark.parametrize("part", ["train", "test"])
def test_an_empty_set_is_refused_by_name(part: str) -> None:
    sets = {"train": numbered([0, 1]), "test": numbered([0, 1])} | {part: numbered([])}
    with pytest.raises(ck.DataError, match=f"pets has no {part} images"):
        split_off_val(**sets, val_size=0, split_seed=0, name="pets")


def test_a_class_without_images_is_no_obstacle() -> None:
    splits = split([0, 3] * 10, 5)
    assert is_whole([0, 3] * 10, splits, 5)
    assert is_stratified([0, 3] * 10, splits, 5)


def sealed(train: ck.ImageSet, test: ck.ImageSet, **choices: Any) -> str:
    choices = {"val_size": 4, "split_seed": 0, "name": "x"} | choices
    return split_off_val(train, test, **choices).fingerprint


LABELS = [0, 1, 2, 3] * 4
TRAIN, TEST = numbered(LABELS), numbered([0, 1, 2, 3])


def changed(image_set: ck.ImageSet, field: str, index: Any, value: Tensor | int) -> ck.ImageSet:
    tensors = {"images": image_set.images.clone(), "labels": image_set.labels.clone()}
    tensors[field][index] = value
    return ck.ImageSet(tensors["images"], tensors["labels"], image_set.classes)


@settings(deadline=None, max_examples=50)
@given(data=st.data(), in_test=st.booleans())
def test_any_changed_pixel_changes_the_fingerprint(data: st.DataObject, in_test: bool) -> None:
    whole = TEST if in_test else TRAIN
    index = tuple(data.draw(st.integers(0, size - 1)) for size in whole.images.shape)
    value = data.draw(st.integers(0, 255))
    assume(value != int(whole.images[index]))
    other = changed(whole, "images", index, value)
    pair = (TRAIN, other) if in_test else (other, TEST)
    assert sealed(*pair) != sealed(TRAIN, TEST)


RENAMED = ("a", "b", "c", "e")
CHANGES: dict[str, Callable[[], str]] = {
    "a train label": lambda: sealed(changed(TRAIN, "labels", 5, 0), TEST),
    "a test label": lambda: sealed(TRAIN, changed(TEST, "labels", 2, 0)),
    "a class name": lambda: sealed(
        ck.ImageSet(TRAIN.images, TRAIN.labels, RENAMED),
        ck.ImageSet(TEST.images, TEST.labels, RENAMED),
    ),
    "the seed": lambda: sealed(TRAIN, TEST, split_seed=1),
    "the size of val": lambda: sealed(TRAIN, TEST, val_size=3),
    "no val": lambda: sealed(TRAIN, TEST, val_size=0),
    "the order": lambda: sealed(TRAIN.subset([1, 0, *range(2, 16)]), TEST),
    "an image less": lambda: sealed(TRAIN, TEST.subset([0, 1, 2])),
    "train for test": lambda: sealed(TEST, TRAIN, val_size=0),
}


def test_every_change_of_contents_or_split_has_a_fingerprint_of_its_own() -> None:
    prints = {name: change() for name, change in CHANGES.items()} | {"none": sealed(TRAIN, TEST)}
    assert len(set(prints.values())) == len(prints)


SAME: dict[str, Callable[[], str]] = {
    "the name": lambda: sealed(TRAIN, TEST, name="another", source="elsewhere"),
    "the share that is the same count": lambda: sealed(TRAIN, TEST, val_size=0.25),
    "the layout in memory": lambda: sealed(
        ck.ImageSet(
            TRAIN.images.contiguous(memory_format=torch.channels_last),
            torch.stack([TRAIN.labels, TRAIN.labels], 1)[:, 0],
            CLASSES,
        ),
        TEST,
    ),
}


@pytest.mark.parametrize("what", SAME)
def test_what_is_neither_contents_nor_split_leaves_the_fingerprint(what: str) -> None:
    assert SAME[what]() == sealed(TRAIN, TEST)


def test_fewer_pictures_have_a_fingerprint_of_their_own(tiny: ck.Splits) -> None:
    fewer = dataclasses.replace(tiny, train=tiny.train.subset(range(100)))
    without_val = dataclasses.replace(tiny, val=None)
    assert len({tiny.fingerprint, fewer.fingerprint, without_val.fingerprint}) == 3
    assert dataclasses.replace(tiny, name="other").fingerprint == tiny.fingerprint


def test_splits_say_what_they_are(tiny: ck.Splits) -> None:
    assert repr(tiny) == (
        "Splits('synthetic': train 200, val 40, test 60, 10 classes, " + tiny.fingerprint[:12] + ")"
    )
    assert "val 0," in repr(split([0, 1], 0))


def test_sets_that_do_not_fit_each_other_are_refused(tiny: ck.Splits) -> None:
    turned = dataclasses.replace(tiny.test, classes=tiny.classes[::-1])
    with pytest.raises(ck.DataError, match="train and test must be the same, in the same order"):
        dataclasses.replace(tiny, test=turned)
    with pytest.raises(ck.DataError, match=r"has no val images.*val=None stands for no val set"):
        dataclasses.replace(tiny, val=tiny.train.subset([]))
    with pytest.raises(ck.DataError, match="train must be an ImageSet, found Tensor"):
        dataclasses.replace(tiny, train=tiny.train.images)  # type: ignore[arg-type]
    assert dataclasses.replace(tiny, val=None).val is None
