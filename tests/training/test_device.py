"""Where training runs."""

from __future__ import annotations

import pytest
import torch

import cifarkit as ck
from cifarkit.training.device import choose_device, choose_precision


def test_auto_takes_what_there_is() -> None:
    accelerated = torch.cuda.is_available() or torch.backends.mps.is_available()
    assert (choose_device("auto").type == "cpu") is not accelerated


@pytest.mark.parametrize("name", ["gpu", "", "cuda:99", "meta", "xla", None])
def test_a_device_that_cannot_be_used_is_one_clear_error(name: object) -> None:
    with pytest.raises(ck.TrainingError, match="'auto' takes what there is"):
        ck.Trainer(device=name)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_a_named_precision_is_taken_at_its_word(precision: str, dtype: torch.dtype) -> None:
    assert choose_precision(ck.Recipe(precision=precision), torch.device("cpu")) == dtype
