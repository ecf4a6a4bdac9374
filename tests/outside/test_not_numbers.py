"""Networks and weights that are NaN: nothing is said of them, and training records its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck


class Lost(nn.Module):
    """Gives the logits of a line, one of them put to a value when it is not learning."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.line, self.value = nn.Linear(3072, 10), value

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.line(images.flatten(1))
        if self.training:
            return logits
        return torch.cat([torch.full_like(logits[:, :1], self.value), logits[:, 1:]], 1)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("ask", [ck.evaluate, ck.predict])
def test_nothing_is_said_of_a_network_that_gives_no_numbers(
    ask: Callable[[nn.Module, Any], Any], value: float, tiny: ck.Splits
) -> None:
    with pytest.raises(ck.NonFiniteLossError, match=r"for \d+ of \d+ images.*\. Train with"):
        ask(Lost(value), tiny.test)


def test_a_class_may_be_impossible(tiny: ck.Splits) -> None:
    assert (ck.evaluate(Lost(-math.inf), tiny.test).probabilities[:, 0] == 0).all()
    assert 0 not in ck.predict(Lost(-math.inf), tiny.test).labels


def test_training_records_what_val_gives_whatever_it_is(tiny: ck.Splits) -> None:
    run = ck.Trainer(ck.Recipe(epochs=1)).fit(Lost(math.nan), tiny)
    assert math.isnan(run.history[-1]["val_loss"])


def test_weights_that_are_nan_are_told_of_once(tmp_path: Path) -> None:
    state = ck.create_model("linear").state_dict()
    state["1.bias"][3] = math.nan
    torch.save(state, tmp_path / "a.pth")
    for model in (None, ck.create_model("linear")):
        with pytest.warns(ck.CifarkitWarning, match=r"NaN in 1 of 2 tensors, .* '1.bias'") as said:
            ck.import_weights(tmp_path / "a.pth", model)
        assert [warning.filename for warning in said] == [__file__]
