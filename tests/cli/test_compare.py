"""`cifarkit compare` as its user meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.comparison import compare as module
from cifarkit.data import sources

OWN_MODEL = """
import cifarkit as ck
from torch import nn

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layer = nn.Linear(3072, classes)

    def forward(self, images):
        return self.layer(images.flatten(1))

@ck.register_model("own")
def own(*, num_classes=10):
    return Net(num_classes)
"""
FILES = [
    *("comparison.json", "comparison.md", "comparison.tex", "comparison.txt"),
    *("figures", "report.html", "runs.csv"),
]


@pytest.fixture(autouse=True)
def _small_synthetic(monkeypatch: pytest.MonkeyPatch, tiny: ck.Splits) -> None:
    monkeypatch.setattr(sources, "load_synthetic", lambda **_sizes: tiny)


def line(tmp_path: Path, *models: str) -> list[str | Path]:
    settings = ["--data", "synthetic", "--seeds", "2", "--epochs", "1", "--batch-size", "50"]
    return ["compare", *models, *settings, "--run-dir", tmp_path / "runs"]


def test_it_trains_prints_and_leaves_a_folder(call: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(OWN_MODEL)
    ended = call(*line(tmp_path, "linear", "own"), "--import", own, "--output", tmp_path / "out")
    assert ended.status == 0, ended.err
    assert ended.out.startswith("2 variants, 2 seeds, on synthetic: 200 train, 40 val, 60 test")
    assert "Too few seeds" in ended.out
    assert ended.out.rstrip().endswith(f"are in {tmp_path / 'out'}")
    assert "4 of 4 runs done" in ended.err
    assert "use --seeds 6" in ended.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    text = (tmp_path / "out" / "comparison.txt").read_text()
    assert text in ended.out
    # The same line again trains nothing, and leaves its own folder beside the runs.
    again = call(*line(tmp_path, "linear", "own"), "--import", own, "--json")
    assert (again.status, again.err.count("runs done")) == (0, 0)
    document = json.loads(again.out)
    assert document == json.loads((tmp_path / "out" / "comparison.json").read_text())
    (folder,) = Path().glob("comparison-*")
    assert sorted(path.name for path in folder.iterdir()) == FILES


WRONG: dict[str, tuple[list[str], str]] = {
    "an unknown model": (["compare", "liner"], "Did you mean 'linear'"),
    "a model twice": (["compare", "linear", "linear"], "'linear' twice"),
    "a wrong budget": (["compare", "linear", "--budget", "soon"], "'30m'"),
    "another end than a decision": (["compare", "linear", "mlp", "--until", "sure"], "'decided'"),
    "no seeds": (["compare", "linear", "--seeds", "0"], "1 or more"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_one_message_and_no_folder(
    what: str, call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words, text = WRONG[what]
    ended = call(*words, "--data", "synthetic")
    assert (ended.status, ended.out) == (1, "")
    assert text in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "runs").exists()


def test_an_output_that_is_there_is_refused_before_anything_is_trained(
    call: Any, tmp_path: Path
) -> None:
    ended = call(*line(tmp_path, "linear"), "--output", tmp_path)
    assert ended.status == 1
    assert "nothing is overwritten" in ended.err
    assert not (tmp_path / "runs").exists()


def test_ctrl_c_says_how_to_go_on(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt("all runs are saved")

    monkeypatch.setattr(module, "train_jobs", interrupted)
    ended = call(*line(tmp_path, "linear"))
    assert ended.status == 130
    assert "the same line resumes them" in ended.err
    assert not list(Path().glob("comparison-*"))
