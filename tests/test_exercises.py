"""Checks of exercises: right answers in any type pass, wrong and empty ones get one sentence."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cifarkit.exercises import NotYet, as_number, as_numbers, as_tensor, exercise, is_close

TUTORIALS = sorted((Path(__file__).parents[1] / "tutorials").glob("*.py"))


@exercise
def check_share(formula: Any) -> str:
    found = as_number(formula(24, 25))
    if not is_close(found, 0.96):
        raise NotYet(f"24 of 25 are 0.960, yours says {found:.3f}")
    return "Right"


@pytest.mark.parametrize(
    "kind", [float, np.float32, np.float64, torch.tensor, Fraction, Decimal, np.atleast_2d]
)
def test_a_right_answer_passes_in_every_type(kind: Any, capsys: pytest.CaptureFixture[str]) -> None:
    check_share(lambda right, n: kind(right / n))
    assert capsys.readouterr().out == "Right\n"


@pytest.mark.parametrize(
    "answer",
    [
        *(None, 3, "0.96", [], object()),
        *(lambda *_: None, lambda *_: "", lambda *_: [], lambda *_: {}, lambda *_: 96),
        *(lambda *_: float("nan"), lambda *_: torch.zeros(0), lambda *_: [0.96, 0.96]),
        *(lambda: 0.96, lambda right, n: right / (n - n), lambda *_: True, lambda *_: 1j),
    ],
)
def test_any_other_answer_gets_one_sentence(
    answer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    check_share(answer)
    printed = capsys.readouterr().out
    assert printed.startswith("Not yet: ")
    assert printed.count("\n") == 1
    assert len(printed) < 400


def test_the_line_that_fails_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def share(right: int, n: int) -> float:
        return right / (n - n)

    check_share(share)
    assert "share, at `return right / (n - n)`, stops with Zero" in capsys.readouterr().out


def test_numbers_come_from_every_shape() -> None:
    for answer in ([1, 2], (1, 2), np.array([[1, 2]]), torch.tensor([1.0, 2.0], dtype=torch.half)):
        assert as_numbers(answer, 2) == [1.0, 2.0]


def test_a_tensor_has_the_shape_that_is_wanted() -> None:
    like = torch.zeros(2)
    assert as_tensor(np.array([1, 2]), like).tolist() == [1, 2]
    for answer in (None, "text", torch.zeros(3), object()):
        with pytest.raises(NotYet):
            as_tensor(answer, like)


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_every_check_of_a_tutorial_is_one_that_survives(tutorial: Path) -> None:
    text = tutorial.read_text(encoding="utf-8")
    assert text.count("\ndef check_") == text.count("\n@exercise\ndef check_") >= 1
    assert "1e-9" not in text.partition("@exercise")[2].partition("# %%")[0]
