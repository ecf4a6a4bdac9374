"""A warning points at the user's line, however deep in the package it is thought of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import cifarkit as ck

GREY = np.zeros((40, 28, 28), np.uint8)


class Softmax(nn.Sequential):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(nn.Flatten(), nn.Linear(3072, num_classes), nn.Softmax(dim=1))


CALLS: list[Callable[[ck.Splits], Any]] = [
    lambda data: ck.train(Softmax, data, epochs=1, device="cpu"),
    lambda data: ck.Trainer(ck.Recipe(epochs=1), device="cpu").fit(Softmax(), data),
    lambda data: ck.predict(Softmax(), GREY),
    lambda data: ck.load_arrays(GREY, np.arange(40) % 2, GREY, np.arange(40) % 2),
]


@pytest.mark.parametrize("call", CALLS)
def test_the_line_is_the_users(call: Callable[[ck.Splits], Any], tiny: ck.Splits) -> None:
    with pytest.warns(ck.CifarkitWarning) as told:
        call(tiny)
    lines = {(Path(one.filename).name, one.lineno) for one in told}
    assert lines == {("test_warn.py", call.__code__.co_firstlineno)}
