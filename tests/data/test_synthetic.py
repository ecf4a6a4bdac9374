"""The embedded data set: the same for a seed everywhere, balanced, and of the sizes asked for."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import cifarkit as ck


def small(**changes: Any) -> ck.Splits:
    return ck.load_synthetic(**{"n_train": 60, "n_test": 30, "val_size": 10, **changes})


@settings(deadline=None, max_examples=8)
@given(data=st.data(), n_train=st.integers(2, 60), n_test=st.integers(1, 40))
def test_the_sizes_are_those_asked_for_and_the_classes_are_balanced(
    data: st.DataObject, n_train: int, n_test: int
) -> None:
    val_size = data.draw(st.integers(0, n_train - 1))
    splits = ck.load_synthetic(n_train=n_train, n_test=n_test, val_size=val_size)
    val = 0 if splits.val is None else len(splits.val)
    assert (len(splits.train), val, len(splits.test)) == (n_train - val_size, val_size, n_test)
    for part in filter(None, (splits.train, splits.val, splits.test)):
        assert imbalance(part.labels) <= 2
        assert part.images.dtype == torch.uint8
        assert part.images.shape == (len(part), 3, 32, 32)


def imbalance(labels: torch.Tensor) -> int:
    counts = torch.bincount(labels, minlength=10)
    return int(counts.max() - counts.min())


def test_classes_that_were_drawn_by_lot_would_be_seen() -> None:
    labels = torch.randint(10, (60,), generator=ck.generator_for("labels", 0))
    assert imbalance(labels) > 2


def test_a_seed_gives_the_same_pictures_whatever_else_was_drawn() -> None:
    first, before = small(), torch.get_rng_state()
    torch.manual_seed(99)
    assert small().fingerprint == first.fingerprint
    assert small(seed=np.int64(0), n_train=np.int64(60)).fingerprint == first.fingerprint
    torch.set_rng_state(before)
    small()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_fresh_process_draws_the_same_pictures() -> None:
    code = (
        "import cifarkit as ck; "
        "print(ck.load_synthetic(n_train=60, n_test=30, val_size=10).fingerprint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == small().fingerprint


@pytest.mark.parametrize("change", [{"seed": 1}, {"n_train": 61}, {"n_test": 31}, {"val_size": 9}])
def test_another_choice_is_another_data_set(change: dict[str, int]) -> None:
    assert small(**change).fingerprint != small().fingerprint


def test_another_seed_draws_other_pictures() -> None:
    assert not torch.equal(small(seed=1).test.images, small(seed=0).test.images)


def test_train_and_test_share_no_picture() -> None:
    splits = small(n_train=300, n_test=300, val_size=0)
    drawn = [
        image.numpy().tobytes() for part in (splits.train, splits.test) for image in part.images
    ]
    assert len(set(drawn)) == 600


def test_it_names_itself_and_how_to_find_it_again() -> None:
    splits = small()
    source = "synthetic:n_train=60,n_test=30,val_size=10"
    assert (splits.name, splits.source) == ("synthetic", source)
    assert len(splits.classes) == len(set(splits.classes)) == 10


@pytest.mark.parametrize("name", ["n_train", "n_test"])
@pytest.mark.parametrize("count", [0, -1, 1_000_001, 10**12, 5.0, True, None, "9", float("nan")])
def test_a_count_out_of_range_is_refused_before_anything_is_drawn(name: str, count: Any) -> None:
    with pytest.raises(ck.DataError) as caught:
        small(**{name: count})
    assert (
        str(caught.value)
        == f"{name} must be a whole number, 1 <= value <= 1000000; found {count!r}"
    )


@pytest.mark.parametrize("seed", [-1, 2**63, 0.5, None, True])
def test_a_seed_out_of_range_is_refused(seed: Any) -> None:
    with pytest.raises(ck.DataError, match="seed must be a whole number, 0 <="):
        small(seed=seed)


@pytest.mark.parametrize("val_size", [60, 61, 1.0, -1])
def test_a_val_that_leaves_no_train_is_refused(val_size: float) -> None:
    with pytest.raises(ck.DataError, match="cannot be taken out of 60 training images"):
        small(val_size=val_size)
