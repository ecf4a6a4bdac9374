from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cifarkit.cli import main as program

MODELS = """
import cifarkit as ck
from torch import nn

@ck.register_model("good")
def good(*, num_classes=10):
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(192, num_classes))

@ck.register_model("bad")
def bad(*, num_classes=10):
    return nn.Sequential(good(num_classes=num_classes), nn.Softmax(1))
"""


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `cifarkit check` inside this process: exit status, stdout, stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cifarkit", "check", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            program.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_models.py"
    path.write_text(MODELS, encoding="utf-8")
    return path


def test_a_model_that_is_right_ends_with_status_0_and_its_table(call: Any, file: Path) -> None:
    status, out, err = call("good", "--import", file)
    assert (status, err) == (0, "")
    assert out.splitlines()[0].endswith("keeps the contract of a model")
    assert "loss falls" in out


def test_a_model_that_is_broken_ends_with_status_1_and_its_table(call: Any, file: Path) -> None:
    status, out, err = call("bad", "--import", file)
    assert (status, err) == (1, "")
    assert "my_models.py:9) breaks the contract of a model: plain logits" in out
    assert "-> leave out the softmax" in out


@pytest.mark.parametrize(("name", "status"), [("good", 0), ("bad", 1)])
def test_json_has_every_finding(call: Any, file: Path, name: str, status: int) -> None:
    ended, out, _ = call(name, "--json", "--import", file)
    report = json.loads(out)
    assert ended == status
    assert report["name"] == name
    outcomes = {finding["check"]: finding["outcome"] for finding in report["findings"]}
    assert outcomes["plain logits"] == ("passed" if status == 0 else "failed")


def test_an_unknown_name_is_one_line(call: Any) -> None:
    status, out, err = call("linea")
    assert (status, out) == (1, "")
    assert err.startswith("cifarkit: no model is called 'linea'. Did you mean 'linear'?")
