"""What is kept of the one look at test."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cifarkit as ck
from cifarkit.runs.test_predictions import TEST_PREDICTIONS


def receipt_of(seed: int) -> ck.TestPredictions:
    logits = np.random.default_rng(seed).normal(size=(40, 3)).astype(np.float32)
    return ck.TestPredictions.of(ck.Evaluation(logits, np.arange(40) % 3, ("cat", "dog", "frog")))


def test_logits_beyond_float16_keep_their_order() -> None:
    logits = np.array([[1e6, 2e6], [-1e6, 0.0]], np.float32)
    receipt = ck.TestPredictions.of(ck.Evaluation(logits, np.array([1, 1]), ("cat", "dog")))
    assert np.isfinite(receipt.logits).all()
    assert receipt.accuracy == 1.0


def test_one_that_is_damaged_or_missing_is_an_error(tiny: ck.Splits, tmp_path: Path) -> None:
    run = ck.train("linear", tiny, epochs=1, run_dir=tmp_path / "run")
    folder = tmp_path / "run"
    with pytest.raises(ck.RunFolderError, match="no test predictions"):
        ck.TestPredictions.load(folder)
    ck.score_on_test(run, tiny)
    path = folder / TEST_PREDICTIONS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ck.RunFolderError, match="cannot be read"):
        ck.TestPredictions.load(folder)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "fewer": (
        {"logits": receipt_of(0).logits[:9]},
        "shapes 9 3, 40, 40; needed are float16 logits 40",
    ),
    "wider": ({"logits": receipt_of(0).logits.astype(np.float32)}, "it holds float32 logits"),
    "others": ({"labels": (np.arange(40) + 1) % 3}, "40 of its 40 labels are not the test"),
    "none": ({"predicted": np.full(40, 3)}, "labels outside of the 3 classes"),
    "odd": ({"predicted": receipt_of(0).logits.argmin(axis=1)}, "40 of its 40 predicted classes"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_with_one_is_said(name: str) -> None:
    change, said = FAULTS[name]
    whole = receipt_of(0)
    assert whole.fault(whole.labels, 3) == ""
    assert said in dataclasses.replace(whole, **change).fault(whole.labels, 3)


def test_rounding_is_no_difference_and_another_network_is() -> None:
    one = receipt_of(0)
    rounded = dataclasses.replace(one, logits=one.logits + np.float16(0.001))
    assert one.has_same_logits_as(rounded)
    assert not one.has_same_logits_as(receipt_of(1))
    constant = dataclasses.replace(one, logits=np.zeros((40, 3), np.float16))
    assert not constant.has_same_logits_as(constant)  # nothing can be told
