"""Arrays of any honest layout give the same bits; the rest is refused with what was found."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import cifarkit as ck
from cifarkit.data.layouts import images_from_array

Array = np.ndarray[Any, Any]
PIXELS: Array = np.random.default_rng(0).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
LABELS = [0, 1, 2, 0, 1, 2]
CLASSES = ["cat", "dog", "owl"]


def load(**changes: Any) -> ck.Splits:
    chosen: dict[str, Any] = {"x_train": PIXELS, "y_train": LABELS, "x_test": 255 - PIXELS}
    chosen |= {"y_test": LABELS, "classes": CLASSES, "val_size": 0} | changes
    options = {name: chosen.pop(name) for name in ("classes", "val_size")}
    return ck.load_arrays(**chosen, **options)


def read_only(array: Array) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


def spread_out(array: Array) -> Array:
    """Put every picture into every second place, and mirror it twice."""
    wide = np.zeros((2 * len(array), *array.shape[1:]), array.dtype)
    wide[::2] = array[..., ::-1]
    return wide[::2][..., ::-1]


LAYOUTS: dict[str, Callable[[Array], Any]] = {
    "as it is": lambda x: x,
    "a list": lambda x: x.tolist(),
    "a tensor": torch.from_numpy,
    "a channels-last tensor": lambda x: torch.from_numpy(x).contiguous(
        memory_format=torch.channels_last
    ),
    "read-only": read_only,
    "not contiguous": spread_out,
    "in Fortran's order": np.asfortranarray,
    "a memoryview": lambda x: memoryview(np.ascontiguousarray(x)),
} | {
    f"of type {kind}": lambda x, kind=kind: x.astype(kind)
    for kind in (">u2", "<u4", ">i8", "int16", "int32", "uint64")
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", ["first", "last"])
@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 4))
def test_every_layout_gives_the_same_bits(
    channels: str, layout: str, seed: int, count: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    array = pixels if channels == "first" else pixels.transpose(0, 2, 3, 1)
    images, forms = images_from_array(LAYOUTS[layout](array), "x")
    assert (images.dtype, images.is_contiguous()) == (torch.uint8, True)
    assert np.array_equal(images.numpy(), pixels)
    assert not forms  # nothing was made of them


def test_a_picture_turned_on_its_side_would_be_noticed() -> None:
    turned, _ = images_from_array(PIXELS.transpose(0, 3, 2, 1), "x")
    assert not np.array_equal(turned.numpy(), PIXELS)


@pytest.mark.parametrize("source", [PIXELS.copy(), torch.from_numpy(PIXELS.copy())], ids=type)
def test_the_images_are_a_copy(source: Any) -> None:
    images, _ = images_from_array(source, "x")
    before = images.clone()
    source[:] = 0
    assert torch.equal(images, before)


@pytest.mark.parametrize("count", [0, 1])
def test_no_or_one_picture_has_a_shape_all_the_same(count: int) -> None:
    assert images_from_array(PIXELS[:count], "x")[0].shape == (count, 3, 32, 32)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (PIXELS / 100, r"0 to 1 or -1 to 1, found float64 0 to 2.55; .*x.round\(\)"),
        (PIXELS / 60 - 2, "found float64 -2 to 2.25; .*Normalize"),
        (np.where(PIXELS > 9, np.nan, 0), "numbers that are NaN or infinite"),
        (PIXELS > 9, "found bool"),
        (PIXELS.astype(str), "found <U"),
        (None, "x_train is not an array: found NoneType"),
        ({"x": 1}, r"it is a dict; .* such as x\['x'\]"),
        (PIXELS.astype(int) + 1, "found 1 to 256"),
        (PIXELS.astype(int) - 1, "found -1 to 254"),
        (PIXELS.astype(np.uint64) + np.uint64(2**63), "found 9223372036854775808 to"),
        (PIXELS[:3, 0], r"must be n 3 32 32.*found 3 32 32; pass x\[None\] for one"),
        (PIXELS[:, :2], "found 6 2 32 32"),
        (PIXELS.reshape(6, 3, 2, 512), "found 6 3 2 512"),
        (PIXELS.transpose(1, 0, 2, 3), "found 3 6 32 32"),
        (PIXELS.reshape(6, 3072)[:, 1:], "found 6 3071"),
        (np.uint8(3), "found a single number"),
        ([[1, 2], [3]], "x_train is not an array"),
        (torch.from_numpy(PIXELS).to("meta"), "x_train is not an array"),
    ],
)
def test_pictures_that_do_not_fit_are_refused_with_what_was_found(array: Any, message: str) -> None:
    with pytest.raises(ck.DataError, match=message):
        load(x_train=array)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        tuple(LABELS),
        np.array(LABELS, ">i2"),
        np.array(LABELS, np.uint8),
        torch.tensor(LABELS, dtype=torch.int32),
        read_only(np.array(LABELS)),
        np.repeat(LABELS, 2)[::2],
    ],
    ids=lambda labels: f"{type(labels).__name__} {getattr(labels, 'dtype', '')}",
)
def test_labels_of_every_whole_type_are_the_same(labels: Any) -> None:
    splits = load(y_train=labels)
    assert splits.train.labels.dtype == torch.int64
    assert splits.fingerprint == load().fingerprint


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.5, 1, 2, 0, 1, 2], "y_train must be whole numbers or names of classes, found float64"),
        (
            ["cat", "cow"] * 3,
            "label 'cow' of image 1 in y_train is not one of the classes cat, dog, owl",
        ),
        ([True] * 6, "found bool"),
        (None, "y_train is not an array: found NoneType"),
        (np.full((6, 3), 1 / 3), r"found 6 3 that are not one-hot rows; y\.argmax\(1\)"),
        (np.zeros((6, 1, 1), int), "y_train must have one dimension, found 6 1 1"),
        (3, "one dimension"),
        (LABELS[:5], "found 6 images, 5 labels"),
        ([0, 1, 2, 3, 1, -1], r"label 3 of image 3 is out of range.*\(2 labels are wrong\)"),
        ([-100, 1, 2, 0, 1, 2], "label -100 of image 0"),
        (np.array([2**63] + [0] * 5, np.uint64), "y_train holds 9223372036854775808"),
        ([2**80] + [0] * 5, "found int"),
    ],
)
def test_labels_that_do_not_fit_are_refused_with_what_was_found(labels: Any, message: str) -> None:
    with pytest.raises(ck.DataError, match=message):
        load(y_train=labels)
    with pytest.raises(ck.DataError, match=message.replace("y_train", "y_test")):
        load(y_test=labels)


@pytest.mark.parametrize("classes", [("cat", "dog", "owl"), np.array(CLASSES), iter(CLASSES)])
def test_the_names_of_the_classes_may_stand_in_anything(classes: Any) -> None:
    splits = load(classes=classes)
    assert repr(splits.classes) == "('cat', 'dog', 'owl')"
    assert splits.fingerprint == load().fingerprint


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("cat", "found the one name 'cat'"),
        (3, "must be a list of names, found 3"),
        ([0, 1, 2], "found 0 among them"),
        (["cat", "cat", "dog"], "different names"),
        ([], "different names"),
        (["cat", "dog"], "label 2 of image 2 is out of range: 2 classes have the labels 0 to 1"),
    ],
)
def test_names_that_are_none_are_refused(classes: Any, message: str) -> None:
    with pytest.raises(ck.DataError, match=message):
        load(classes=classes)


def test_val_comes_out_of_train_and_the_source_is_nameless() -> None:
    splits = load(val_size=0.5)
    assert splits.val is not None
    assert (len(splits.train), len(splits.val), len(splits.test)) == (3, 3, 6)
    assert (splits.name, splits.source) == ("arrays", "")


def test_nothing_is_allocated_for_an_array_that_is_refused() -> None:
    huge = np.broadcast_to(np.uint8(0), (40_000_000, 2, 32, 31))  # 79 GB, if it were laid out
    tracemalloc.start()
    try:
        with pytest.raises(ck.DataError, match="found 40000000 2 32 31"):
            images_from_array(huge, "x")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_names_without_an_order_are_refused() -> None:
    pictures, labels = np.zeros((20, 32, 32, 3), np.uint8), np.arange(20) % 2
    with pytest.raises(ck.DataError, match=r"classes must be a list of names, found \{'"):
        ck.load_arrays(pictures, labels, pictures, labels, classes={"a", "b"}, val_size=4)  # type: ignore[arg-type]
