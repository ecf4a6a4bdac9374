"""`cifarkit search` as its user meets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.cli.search import space_of
from cifarkit.data import sources


@pytest.fixture(autouse=True)
def _small_synthetic(monkeypatch: pytest.MonkeyPatch, tiny: ck.Splits) -> None:
    monkeypatch.setattr(sources, "load_synthetic", lambda **_sizes: tiny)


def test_it_searches_compares_and_prints_the_recipe(call: Any, tmp_path: Path) -> None:
    line = ["search", "linear", "--data", "synthetic", "--space", "optimizer.lr=1e-4..1e-2"]
    line += ["--space", "batch_size=50,100", "--trials", "2", "--seeds", "1", "--epochs", "1"]
    ended = call(*line, "--sampler", "random", "--run-dir", tmp_path / "runs")
    assert ended.status == 0, ended.err
    assert ended.out.startswith(
        "linear, 2 trials by random search over optimizer.lr and batch_size"
    )
    assert "Tuning is not shown to help" in ended.out
    assert "The recipe of linear-tuned:\nRecipe(epochs=1, batch_size=" in ended.out
    assert len(list((tmp_path / "runs").glob("linear-trial*-seed0"))) == 2


def test_values_are_read_as_people_write_them() -> None:
    texts = ["a=1e-4..1", "b=0..0.9", "c=16,0.5,adam,true,none", "d=adam"]
    assert space_of(texts) == {
        "a": ck.LogRange(1e-4, 1),
        "b": ck.LinearRange(0, 0.9),
        "c": ck.Choice((16, 0.5, "adam", True, None)),
        "d": ck.Choice(("adam",)),
    }


@pytest.mark.parametrize(
    ("space", "text"),
    [
        ("optimizer.lr", "PATH=LOW..HIGH, or PATH=VALUE,VALUE"),
        ("optimizer.lr=a..b", "found 'optimizer.lr=a..b'"),
        ("optimizer.lr=1..0.1", r"the lower end comes first, as in ck.LogRange(0.1, 1.0)"),
        ("lr=1e-4..1e-1", "did you mean 'optimizer.lr'?"),
    ],
)
def test_a_space_that_cannot_be_meant_is_refused_in_one_message(
    call: Any, space: str, text: str
) -> None:
    ended = call("search", "linear", "--data", "synthetic", "--space", space)
    assert ended.status == 1
    assert text in " ".join(ended.err.split())
