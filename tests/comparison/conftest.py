"""Comparisons for tests: real ones in this process, and invented ones without training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cifarkit as ck

Invent = Callable[..., ck.Comparison]
ENVIRONMENT = {
    "device": "cpu",
    "cpu": "test",
    "threads": 1,
    "versions": {"torch": "2", "cifarkit": "0"},
}


@pytest.fixture
def here() -> Iterator[ThreadPoolExecutor]:
    """Return an executor that trains in this process."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def invent() -> Invent:
    """Return a function that makes a comparison of given accuracies, of 100 images each."""

    def invent(accuracies: Mapping[str, Sequence[float]], **fields: Any) -> ck.Comparison:
        outcomes = [
            outcome(name, seed, accuracy)
            for name, row in accuracies.items()
            for seed, accuracy in enumerate(row)
        ]
        data = {
            **{"name": "CIFAR-10", "source": "", "fingerprint": "f" * 64},
            **{"train": 900, "val": 100, "test": 100, "classes": tuple("abcdefghij")},
        }
        variants = tuple(ck.get_variant(name) for name in accuracies)
        return ck.Comparison(
            variants, tuple(outcomes), {**data, **fields.pop("data", {})}, **fields
        )

    return invent


def outcome(name: str, seed: int, accuracy: float) -> ck.Outcome:
    labels = np.zeros(100, np.int64)
    predicted = (np.arange(100) >= round(100 * accuracy)).astype(np.int64)
    receipt = ck.Receipt(np.zeros((100, 10), np.float16), predicted, labels)
    record = {"epoch": 1, "val_accuracy": accuracy - 0.1, "val_loss": 1 - accuracy}
    return ck.Outcome(
        variant=ck.get_variant(name),
        seed=seed,
        folder=Path(f"runs/{name}-seed{seed}"),
        facts={"seconds": 60.0, "environment": ENVIRONMENT},
        history=ck.History([record]),
        receipt=receipt,
        looks=ck.Looks(0, True, False),
    )
