"""The table of a GPU: every row is told, whatever fails."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(HERE / "benchmarks"))
    return importlib.import_module("on_gpu")


def test_a_row_that_fails_says_why_and_the_others_are_measured(on_gpu: Any) -> None:
    def late(given: Any) -> str:
        raise subprocess.TimeoutExpired("python", given.seconds)

    def broken(_: Any) -> str:
        raise RuntimeError("no kernel")

    given = on_gpu.Given(on_gpu.DRAWN, airbench="", **on_gpu.REHEARSAL)
    rows = {"late": late, "broken": broken, "networks at once": on_gpu.several_at_once}
    first, second, third = on_gpu.table(given, rows).splitlines()
    assert "FAILED: it took more than 300 seconds" in first
    assert "FAILED: no kernel" in second
    assert "1: " in third
    assert third.count("images/s") == len(on_gpu.SEEDS_AT_ONCE)


def test_without_its_script_the_row_of_airbench_is_left_out(on_gpu: Any) -> None:
    given = on_gpu.Given(on_gpu.DRAWN, airbench="", **on_gpu.REHEARSAL)
    assert on_gpu.ROWS["airbench94_muon"](given) == "left out: AIRBENCH names no script"


def test_what_a_child_says_last_is_the_reason(on_gpu: Any, tmp_path: Path) -> None:
    script = tmp_path / "airbench.py"
    script.write_text("print('mean 94.01')", encoding="utf-8")
    given = on_gpu.Given(on_gpu.DRAWN, airbench=str(script), **on_gpu.REHEARSAL)
    assert on_gpu.airbench(given) == "mean 94.01"
    script.write_text("raise ValueError('no GPU')", encoding="utf-8")
    with pytest.raises(RuntimeError, match="ValueError: no GPU"):
        on_gpu.airbench(given)
