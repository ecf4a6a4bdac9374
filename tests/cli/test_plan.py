"""`cifarkit plan` as its user meets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.comparison import plan as module
from cifarkit.comparison.trial import Trial
from cifarkit.data import sources


@pytest.fixture(autouse=True)
def _small_and_quick(monkeypatch: pytest.MonkeyPatch, tiny: ck.Splits) -> None:
    monkeypatch.setattr(sources, "load_synthetic", lambda **_sizes: tiny)
    known = Trial({"linear": 10.0, "mlp": 20.0}, workers=2)
    monkeypatch.setattr(module, "run_trial", lambda *_, **__: known)


def test_it_prints_the_plan_and_the_line_to_type(call: Any, tmp_path: Path) -> None:
    words = ["linear", "mlp", "--see", "2", "--sd", "1.5", "--epochs", "1", "--data", "synthetic"]
    ended = call("plan", *words, "--run-dir", tmp_path / "my runs")
    assert ended.status == 0, ended.err
    assert ended.out.startswith("2 variants, 1 pair: to find a difference of 2.0 points in 80 %")
    assert ended.out.splitlines()[-1] == (
        "cifarkit compare linear mlp --seeds 10 --epochs 1 --data synthetic "
        f"--run-dir '{tmp_path / 'my runs'}'"
    )
    assert "2 runs side by side" in ended.out
    assert "a short trial of each model" in ended.err


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["linear", "mlp", "--see", "0"], 1, "see must be a number, 0 < value"),
        (["linear", "mlp", "--see", "1 point"], 2, "--see': it must be a number"),
        (["linear"], 1, "a plan needs two variants or more"),
        (["liner", "mlp"], 1, "Did you mean 'linear'"),
    ],
)
def test_what_is_wrong_is_one_message(words: list[str], status: int, text: str, call: Any) -> None:
    ended = call("plan", *words, "--data", "synthetic")
    assert (ended.status, ended.out) == (status, "")
    assert text in ended.err
    assert "Traceback" not in ended.err
