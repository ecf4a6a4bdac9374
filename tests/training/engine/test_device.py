"""Where training runs."""

from __future__ import annotations

import pytest
import torch

import cifarkit as ck
from cifarkit.training.engine.device import choose_device, choose_precision


def test_auto_takes_what_there_is() -> None:
    accelerated = torch.cuda.is_available() or torch.backends.mps.is_available()
    assert (choose_device("auto").type == "cpu") is not accelerated


@pytest.mark.parametrize("name", ["gpu", "", "cuda:99", "meta", "xla", None])
def test_a_device_that_cannot_be_used_is_one_clear_error(name: object) -> None:
    with pytest.raises(ck.TrainingError, match="write 'cpu', 'cuda', 'mps' or 'auto'") as refused:
        ck.Trainer(device=name)
    assert len(str(refused.value)) < 300  # torch lists twenty kinds


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_a_named_precision_is_taken_at_its_word(precision: str, dtype: torch.dtype) -> None:
    assert choose_precision(ck.Recipe(precision=precision), torch.device("cpu")) == dtype


@pytest.mark.parametrize(
    ("found", "dtype"),
    [
        ({"avx2": True}, torch.float32),
        ({"avx512_bf16": True}, torch.float32),  # Cooper Lake
        ({"sse4a": True}, torch.float32),  # Zen 3
        ({"avx512_bf16": True, "sse4a": True}, torch.bfloat16),  # Zen 4, Zen 5
        ({"amx_bf16": True, "avx512_bf16": False}, torch.bfloat16),
    ],
)
def test_auto_takes_bfloat16_where_the_processor_is_quicker_at_it(
    found: dict[str, bool], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    assert choose_precision(ck.Recipe(), torch.device("cpu")) == dtype
    assert choose_precision(ck.Recipe(precision="float32"), torch.device("cpu")) == torch.float32


def test_where_torch_tells_nothing_of_the_processor_auto_is_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert choose_precision(ck.Recipe(), torch.device("cpu")) == torch.float32


def test_each_of_torchruns_processes_takes_a_device_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty", lambda size, device: asked.append(device))
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert choose_device("auto") == torch.device("cuda:3")
    assert asked == [torch.device("cuda:3")]
