"""Labelled pictures: bytes to numbers and back, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

import cifarkit as ck
from cifarkit.data.image_set import to_bytes, to_floats

PAIR = ("cat", "dog")


def numbered(count: int) -> ck.ImageSet:
    """Make images that can be told apart: all bytes of image i are i."""
    images = torch.arange(count).to(torch.uint8)[:, None, None, None].expand(count, 3, 32, 32)
    return ck.ImageSet(images.contiguous(), torch.arange(count) % 2, PAIR)


def numbers(image_set: ck.ImageSet) -> list[int]:
    return image_set.images[:, 0, 0, 0].tolist()


@given(st.lists(st.integers(0, 255), max_size=50))
def test_scaling_there_and_back_is_nothing(values: list[int]) -> None:
    pixels = torch.tensor(values, dtype=torch.uint8)
    assert torch.equal(to_bytes(to_floats(pixels)), pixels)


def test_bytes_become_numbers_from_minus_one_to_one_and_are_left_as_they_were() -> None:
    every_byte = torch.arange(256).to(torch.uint8)
    floats = to_floats(every_byte)
    assert floats.dtype == torch.float32
    assert (floats[0], floats[255]) == (-1.0, 1.0)
    assert bool((floats.diff() > 0).all())
    assert torch.equal(every_byte, torch.arange(256).to(torch.uint8))


def test_numbers_outside_are_clipped_and_left_as_they_were() -> None:
    floats = torch.tensor([-9.0, -1.0, 1.0, 9.0])
    assert to_bytes(floats).tolist() == [0, 0, 255, 255]
    assert floats.tolist() == [-9.0, -1.0, 1.0, 9.0]


def test_a_set_is_a_torch_dataset() -> None:
    whole = numbered(5)
    image, label = whole[3]
    assert (image.dtype, tuple(image.shape), label) == (torch.float32, (3, 32, 32), 1)
    assert type(label) is int
    assert [label for _, label in whole] == [0, 1, 0, 1, 0]  # it ends with an IndexError
    loaded = torch.cat([images for images, _ in DataLoader(whole, batch_size=2)])
    assert torch.equal(to_bytes(loaded), whole.images)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_small_sets_are_sets(count: int) -> None:
    assert len(numbered(count)) == count
    assert repr(numbered(count)) == f"ImageSet({count} images of 2 classes)"


@pytest.mark.parametrize(
    "indices",
    [
        [4, 0, 4],
        (4, 0, 4),
        torch.tensor([4, 0, 4]),
        torch.tensor([4, 0, 4], dtype=torch.int32),
        torch.tensor([[4], [0], [4]]),
        np.array([4, 0, 4], dtype=">i8"),
        np.array([4, 0, 4], dtype=np.uint64),
        np.array([4, 0, 4])[::-1],
        np.broadcast_to(np.array([4, 0, 4]), (1, 3)),
        [np.int64(4), np.int64(0), np.int64(4)],
        [torch.tensor(4), torch.tensor(0), torch.tensor(4)],
    ],
    ids=lambda indices: f"{type(indices).__name__} {getattr(indices, 'dtype', '')}",
)
def test_a_subset_takes_places_of_any_sort_in_their_order(indices: Any) -> None:
    part = numbered(6).subset(indices)
    assert numbers(part) == [4, 0, 4]
    assert part.labels.tolist() == [0, 0, 0]


def test_no_places_are_an_empty_subset() -> None:
    assert len(numbered(6).subset([])) == 0
    assert numbers(numbered(6).subset(range(2))) == [0, 1]


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([0, 6], "there is no image 6: this set has 0 to 5"),
        ([-1], "there is no image -1"),
        ([True, False, True, False, True, False], r"found bool; pass mask\.nonzero\(\)"),
        (torch.tensor([True] * 6), "found bool"),
        ([0.0, 1.0], "found float64; pass whole numbers"),
        ("012", "found <U3"),
        (None, "found object"),
    ],
)
def test_what_is_no_place_in_the_set_is_refused(indices: Any, message: str) -> None:
    with pytest.raises(ck.DataError, match=message):
        numbered(6).subset(indices)


def test_several_at_once_are_shown_the_way() -> None:
    for several in (slice(3), [0, 1], None, 1.0, torch.tensor([1, 2])):
        with pytest.raises(ck.DataError, match=r"write set\.subset\(range\(100\)\)"):
            numbered(6)[several]  # type: ignore[index]
    for one in (torch.tensor(3), np.int64(3), np.array(3)):
        assert numbered(6)[one][1] == numbered(6)[3][1]  # type: ignore[index]


PICTURES, LABELS = torch.zeros(2, 3, 32, 32, dtype=torch.uint8), torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("images", "labels", "classes", "message"),
    [
        (PICTURES.float(), LABELS, PAIR, r"uint8 tensor n 3 32 32, found torch\.float32"),
        (PICTURES.numpy(), LABELS, PAIR, "uint8 tensor n 3 32 32, found ndarray"),
        (None, LABELS, PAIR, "found NoneType"),
        (PICTURES[0], LABELS, PAIR, r"found torch\.uint8 \(3, 32, 32\)"),
        (PICTURES.permute(0, 2, 3, 1), LABELS, PAIR, "ck.load_arrays takes other layouts"),
        (PICTURES[:, :1], LABELS, PAIR, r"\(2, 1, 32, 32\)"),
        (PICTURES, LABELS.int(), PAIR, r"int64 tensor of one dimension, found torch\.int32 \(2,\)"),
        (PICTURES, LABELS[:, None], PAIR, r"found torch\.int64 \(2, 1\)"),
        (PICTURES, [0] * 50_000, PAIR, "found list$"),
        (PICTURES, LABELS[:1], PAIR, "found 2 images, 1 labels"),
        (PICTURES, torch.tensor([0, 2]), PAIR, "label 2 of image 1 is out of range.*0 to 1"),
        (PICTURES, torch.tensor([-100, 2]), PAIR, r"label -100 of image 0 .*\(2 labels are wrong"),
        (PICTURES, LABELS, ["cat", "dog"], "must be a tuple of names"),
        (PICTURES, LABELS, ("cat", 1), "must be a tuple of names"),
        (PICTURES, LABELS, ("cat", "cat"), "two or more different names"),
        (PICTURES, LABELS, ("cat",), "two or more different names"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    images: Any, labels: Any, classes: Any, message: str
) -> None:
    with pytest.raises(ck.DataError, match=message):
        ck.ImageSet(images, labels, classes)


@given(labels=st.lists(st.integers(-3, 6), min_size=1, max_size=8))
def test_the_first_label_out_of_range_is_named(labels: list[int]) -> None:
    classes = ("a", "b", "c", "d")
    pictures = torch.zeros(len(labels), 3, 32, 32, dtype=torch.uint8)
    wrong = [index for index, label in enumerate(labels) if not 0 <= label < 4]
    if not wrong:
        assert len(ck.ImageSet(pictures, torch.tensor(labels), classes)) == len(labels)
        return
    with pytest.raises(ck.DataError) as caught:
        ck.ImageSet(pictures, torch.tensor(labels), classes)
    assert f"label {labels[wrong[0]]} of image {wrong[0]} is out of range" in str(caught.value)
    assert f"({len(wrong)} labels are wrong)" in str(caught.value)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_set_moves_to_a_device_as_a_whole(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    moved = numbered(3).to(device)
    assert (moved.images.device.type, moved.labels.device.type) == (device, device)
    assert numbers(moved.subset([2, 1])) == [2, 1]
    assert moved.classes == PAIR
