from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_models.py"
    path.write_text(MODELS, encoding="utf-8")
    return path


def test_a_model_that_is_right_ends_with_status_0_and_its_table(call: Any, file: Path) -> None:
    status, out, err = call("check", "good", "--import", file)
    assert (status, err) == (0, "")
    assert out.splitlines()[0].endswith("keeps the contract of a model")
    assert "loss falls" in out


def test_a_model_that_is_broken_ends_with_status_1_and_its_table(call: Any, file: Path) -> None:
    status, out, err = call("check", "bad", "--import", file)
    assert (status, err) == (1, "")
    assert "my_models.py:9) breaks the contract of a model: plain logits" in out
    assert "-> leave out the softmax" in out


@pytest.mark.parametrize(("name", "status"), [("good", 0), ("bad", 1)])
def test_json_has_every_finding(call: Any, file: Path, name: str, status: int) -> None:
    ended, out, _ = call("check", name, "--json", "--import", file)
    report = json.loads(out)
    assert ended == status
    assert report["name"] == name
    outcomes = {finding["check"]: finding["outcome"] for finding in report["findings"]}
    assert outcomes["plain logits"] == ("passed" if status == 0 else "failed")


def test_an_unknown_name_is_one_line(call: Any) -> None:
    status, out, err = call("check", "linea")
    assert (status, out) == (1, "")
    assert err.startswith("cifarkit: no model is called 'linea'. Did you mean 'linear'?")
