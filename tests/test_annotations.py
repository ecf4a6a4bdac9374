"""What annotations allow, as fields of a value."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pytest

import cifarkit as ck
from cifarkit.annotations import Mismatch, Range, coerced
from cifarkit.values import Value


@dataclass(frozen=True)
class Ordinary(Value):
    """Fields with annotations as in any other class."""

    whole: int = 1
    number: float = 1.0
    either: int | str = "auto"
    anything: Any = None


def test_ordinary_annotations_are_checked_too() -> None:
    kept = Ordinary(whole=np.int64(3), number=2, either=np.int32(4), anything=[1])  # type: ignore[arg-type]
    assert repr(kept) == "Ordinary(whole=3, number=2.0, either=4, anything=[1])"
    with pytest.raises(ck.RecipeError) as refused:
        Ordinary(whole=1.5, number=True, either=2.5)  # type: ignore[arg-type]
    assert str(refused.value).splitlines()[1:] == [
        "  whole=1.5: allowed is a whole number",
        "  number=True: allowed is a number",
        "  either=2.5: allowed is a whole number or a value of type str",
    ]


def test_an_annotation_that_nothing_can_be_checked_by_is_named() -> None:
    @dataclass(frozen=True)
    class Listed(Value):
        names: list[str] = dataclasses.field(default_factory=list)

    with pytest.raises(ck.RecipeError, match=r"by the annotation list\[str\]; write bool, int"):
        Listed()


@pytest.mark.parametrize(
    ("value", "hint", "kept"),
    [
        (math.inf, float, math.inf),
        (np.float32(0.5), float, 0.5),
        (3, float | int, 3),
        (2.5, int | float, 2.5),
        (2, Literal[1, 2, "two"], 2),
        (np.str_("two"), Literal[1, 2, "two"], "two"),
        (False, Literal[0, False], False),
        (4, Annotated[int, "how many", Range(1, 9)], 4),
        (4, Annotated[int, "how many"], 4),
        (len, Callable, len),
        ([], list, []),
        (None, ck.Optimizer | None, None),
    ],
)
def test_what_fits_is_kept_as_plain_python(value: Any, hint: Any, kept: Any) -> None:
    found = coerced(value, hint)
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    ("value", "hint", "said"),
    [
        (True, Literal[1, 2], "one of 1, 2"),
        (1, Literal[True], "one of True"),
        ("3", Literal[3], "one of 3"),
        (10**400, float, "a number"),
        (10**400, Annotated[float, Range(0, math.inf)], "a number, value >= 0"),
        (3, Callable, "a value of type Callable"),
        ("x", int | ck.Optimizer, "a whole number or a value of type Optimizer, such as Ada"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(value: Any, hint: Any, said: str) -> None:
    with pytest.raises(Mismatch) as refused:
        coerced(value, hint)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("ends", [(3, 1), (1, 1, "("), (math.nan, 1), (0, math.nan)])
def test_a_range_without_a_number_is_refused(ends: tuple[Any, ...]) -> None:
    with pytest.raises(ck.RecipeError, match="holds no number"):
        Range(*ends)


def test_only_round_brackets_leave_ends_out() -> None:
    assert 1 in Range(1, 1)
    with pytest.raises(ck.RecipeError, match=r"open must be .*, found '\['"):
        Range(0, 1, open="[")  # type: ignore[arg-type]


def test_a_range_of_what_is_no_number_is_named() -> None:
    with pytest.raises(ck.RecipeError, match=r"by the annotation .*Range.*; write bool, int"):
        coerced(0.5, Annotated[float | None, Range(0, 1)])
