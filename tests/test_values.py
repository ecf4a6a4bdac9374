"""Values refuse nonsense, all of it at once, and travel as JSON and as Python."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
import runpy
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import cifarkit as ck
from cifarkit.annotations import Range
from cifarkit.values import Value, from_json

BESIDE = runpy.run_path(str(Path(__file__).with_name("value_strategies.py")))
KINDS, good, hints_of, values_of = (
    BESIDE[name] for name in ("KINDS", "good", "hints_of", "values_of")
)


@dataclass(frozen=True)
class Sample(Value):
    """Every sort of field there is."""

    count: Annotated[int, Range(1, 9)] = 1
    share: Annotated[float, Range(0, 1, open="()")] = 0.5
    word: Literal["one", "two"] = "one"
    flag: bool = False
    pair: tuple[Annotated[int, Range(0, 5)], Annotated[float, Range(0, 1)]] = (0, 0.5)
    many: tuple[ck.Augmentation, ...] = ()
    maybe: Annotated[int, Range(0, 3)] | None = None
    inner: ck.Optimizer = ck.Adam()


EVERY = [*KINDS, Sample]


def bad(hint: Any) -> st.SearchStrategy[Any]:
    """Draw what no field of this annotation takes."""
    origin, arguments = get_origin(hint), get_args(hint)
    nonsense: st.SearchStrategy[Any] = st.sampled_from(
        [
            "",
            "1",
            b"1",
            object(),
            1j,
            {},
            {1},
            math.nan,
            np.float64("nan"),
            ck.Recipe,
            len,
            10**5_000,
        ]
    )
    if origin is Annotated:
        kind, allowed = arguments
        ends = [allowed.least] * ("(" in allowed.open) + [allowed.most] * (")" in allowed.open)
        outside = [allowed.least - 1, allowed.most + 1, -math.inf, math.inf, True, False, None]
        outside += [[], np.True_] + ([2.5, 3.0, Fraction(5, 2)] if kind is int else [])
        return nonsense | st.sampled_from(outside + ends)
    if origin is Literal:
        others = [3 if 1 in arguments else 1, None, True, "One", ["one"]]
        return nonsense | st.sampled_from(others)
    if origin is tuple and arguments[-1] is Ellipsis:
        return nonsense | bad(arguments[0]).map(lambda item: (item,))
    if origin is tuple:
        wrong = st.tuples(*map(good, arguments)).map(lambda items: (*items, items[0]))
        return nonsense | wrong | st.tuples(bad(arguments[0]), *map(good, arguments[1:]))
    if origin in (Union, UnionType):
        inner = [argument for argument in arguments if argument is not NoneType]
        # What one of several does not take, another may.
        drawn = bad(inner[0]) if len(inner) == 1 else nonsense
        return drawn.filter(lambda value: value is not None)
    if hint is str:
        return st.sampled_from([None, True, 1, b"1", {}, len])
    if hint is bool:
        return nonsense | st.sampled_from([None, 0, 1, np.True_])
    return nonsense | st.sampled_from(
        [True, 1, (), Sample, *([] if hint in (ck.Schedule, ck.Sampling) else [None])]
    )


def test_the_kinds_under_test_are_those_a_recipe_is_made_of() -> None:
    assert {ck.Recipe, ck.Adam, ck.SGD, ck.OneCycle, ck.Flip, ck.Crop, ck.Cutout} <= set(KINDS)


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_good_values_pass_and_come_back_from_json_and_from_their_repr(
    kind: type[Value], data: st.DataObject
) -> None:
    value = data.draw(values_of(kind))
    names = {"torch": torch, **vars(ck), **{known.__name__: known for known in EVERY}}
    back = [
        from_json(json.loads(json.dumps(value.to_json()))),
        eval(repr(value), names),
        pickle.loads(pickle.dumps(value)),
        copy.deepcopy(value),
        value.replace(),
    ]
    for other in back:
        assert other == value
        assert hash(other) == hash(value)
        assert repr(other) == repr(value)
        assert value.differs_from(other) == {}


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_one_error_names_every_bad_field_and_no_good_one(
    kind: type[Value], data: st.DataObject
) -> None:
    hints = hints_of(kind)
    anything = (Any, tuple[Any, ...])  # judged by the kind
    judged = sorted(name for name, hint in hints.items() if hint not in anything)
    if not judged:
        return
    wrong = data.draw(st.sets(st.sampled_from(judged), min_size=1))
    arguments = {
        name: data.draw(bad(hint) if name in wrong else good(hint), label=name)
        for name, hint in hints.items()
    }
    given = {"torch_class": "RAdam"} if kind is ck.TorchOptimizer else {}
    with pytest.raises(ck.RecipeError) as caught:
        kind(**given, **arguments)
    title, *lines = str(caught.value).split("\n  ")
    assert title == f"{kind.__name__} cannot be made of these values:"
    assert {line.partition("=")[0] for line in lines} == wrong
    assert all(": allowed is " in line and len(line) < 400 for line in lines)


def test_values_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ck.Adam().lr = 0.1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"share": np.float32(0.25), "count": np.int64(3)}, Sample(share=0.25, count=3)),
        ({"share": Fraction(1, 4)}, Sample(share=0.25)),
        ({"word": np.str_("two")}, Sample(word="two")),
        ({"many": [ck.Flip()]}, Sample(many=(ck.Flip(),))),
        ({"pair": [1, 1]}, Sample(pair=(1, 1.0))),
    ],
)
def test_what_means_the_same_is_kept_as_plain_python(given: dict[str, Any], kept: Sample) -> None:
    assert repr(Sample(**given)) == repr(kept)


@pytest.mark.parametrize("share", [Fraction(1, 10**400), 1 - Fraction(1, 10**30)], ids=["0", "1"])
def test_a_number_that_rounds_to_an_open_end_is_refused(share: Fraction) -> None:
    with pytest.raises(ck.RecipeError, match="share="):
        Sample(share=share)


@given(number=st.floats() | st.integers(), ends=st.sampled_from(["", "(", ")", "()"]))
def test_a_range_holds_what_it_says(number: float, ends: Literal["", "(", ")", "()"]) -> None:
    allowed = Range(0, 1, open=ends)
    said = str(allowed).replace("value", "number")
    assert (number in allowed) == eval(said)


def test_an_unknown_field_is_named_with_the_nearest() -> None:
    with pytest.raises(ck.RecipeError, match="Crop takes no pading=: did you mean padding=3"):
        ck.Crop().replace(pading=3)


def test_differences_are_named_with_both_sides() -> None:
    ours, theirs = ck.Recipe(epochs=3, augment=(ck.Flip(),)), ck.Recipe()
    assert ours.differs_from(theirs) == {"epochs": (10, 3), "augment": ((), (ck.Flip(),))}


def test_a_single_value_where_a_tuple_belongs_is_a_tuple_of_one() -> None:
    assert ck.Recipe(augment=ck.Flip()).augment == (ck.Flip(),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "Nonsense"},
        {"kind": None},
        {"kind": []},
        {"kind": {}},
        {"kind": "Value", "lr": 1},
        {"kind": "Optimizer", "lr": 1},
        {"kind": "Adam", "momentum": 0.9},
        {"kind": "Adam", "lr": -1},
        {"kind": "Adam", "lr": {"kind": "Adam"}},
        {"kind": "Adam", "betas": [0.9]},
        {"kind": "Recipe", "optimizer": {"kind": "Flip"}},
        {"kind": "Recipe", "augment": [{"kind": "Adam"}]},
        {"kind": "Adam", "lr": {"lr": 1}},
    ],
    ids=str,
)
def test_a_document_that_is_no_value_is_a_recipe_error(document: dict[str, Any]) -> None:
    with pytest.raises(ck.RecipeError):
        from_json(document)


def test_a_class_defined_anew_takes_the_name_over() -> None:
    def define() -> type[Value]:
        @dataclass(frozen=True)
        class Redefined(Value):
            number: Annotated[int, Range(0, 9)] = 1

        return Redefined

    first = define()
    assert type(from_json(first().to_json())) is first
    second = define()
    assert type(from_json(first().to_json())) is second


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (math.nan, "epochs=float('nan')"),
        (-math.inf, "epochs=float('-inf')"),
        ("x" * 500, "epochs='" + "x" * 56 + "..."),
        (10**5_000, "epochs=a number too long to print"),
    ],
    ids=["nan", "-inf", "long", "huge"],
)
def test_what_was_found_is_shown_in_short(found: Any, shown: str) -> None:
    with pytest.raises(ck.RecipeError) as caught:
        ck.Recipe(epochs=found)
    assert f"{shown}: allowed is a whole number, 1 <= value <= 100000" in str(caught.value)


def test_values_of_different_kinds_are_not_compared_field_by_field() -> None:
    with pytest.raises(ck.RecipeError, match="found Constant and Cosine"):
        ck.Constant().differs_from(ck.Cosine())


def test_an_annotation_out_of_reach_is_named() -> None:
    class Inner:
        pass

    @dataclass(frozen=True)
    class Outer(Value):
        inner: Inner | None = None

    with pytest.raises(ck.RecipeError, match="annotations of Outer cannot be read: name 'Inner'"):
        Outer()


def test_a_class_that_would_be_taken_for_cifarkits_own_is_not_written_down() -> None:
    before = ck.Flip(probability=0.25).to_json()

    def define() -> type[Value]:
        @dataclass(frozen=True)
        class Flip(Value):
            probability: Annotated[float, Range(0, 1)] = 0.5

        return Flip

    theirs = define()
    assert theirs.__name__ == "Flip"
    with pytest.raises(ck.RecipeError, match=r"cifarkit has a Flip, too.*give yours another name"):
        theirs().to_json()
    assert from_json(before) == ck.Flip(probability=0.25)
