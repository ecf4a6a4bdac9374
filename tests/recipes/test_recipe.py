from __future__ import annotations

import json
import math
import pickle
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import cifarkit as ck
from cifarkit.values import from_json

HOUSE = {"torch": torch} | {name: getattr(ck, name) for name in ck.__all__}
fast = settings(max_examples=60, deadline=None, database=None)


values_of = runpy.run_path(str(Path(__file__).parents[1] / "value_strategies.py"))["values_of"]
recipes = values_of(ck.Recipe)


@fast
@given(recipes)
def test_what_a_recipe_prints_is_the_recipe(recipe: ck.Recipe) -> None:
    assert eval(repr(recipe), {**HOUSE, "__builtins__": {}}) == recipe


@fast
@given(recipes)
def test_a_recipe_travels_as_json(recipe: ck.Recipe) -> None:
    text = json.dumps(recipe.to_json(), allow_nan=False)
    assert from_json(json.loads(text)) == recipe
    assert repr(from_json(json.loads(text))) == repr(recipe)
    assert hash(from_json(json.loads(text))) == hash(recipe)


@fast
@given(recipes, recipes)
def test_a_difference_names_the_fields_that_differ_and_no_others(
    one: ck.Recipe, two: ck.Recipe
) -> None:
    difference = one.differs_from(two)
    assert two.replace(**{field: ours for field, (_, ours) in difference.items()}) == one
    assert (difference == {}) == (one == two)
    assert {field: pair[::-1] for field, pair in difference.items()} == two.differs_from(one)
    assert one.differs_from(one) == {}


def test_json_that_loses_a_digit_would_be_found() -> None:
    recipe = ck.Recipe(optimizer=ck.Adam(lr=0.1 + 0.2))
    text = json.dumps(recipe.to_json()).replace("0.30000000000000004", "0.3")
    assert from_json(json.loads(text)) != recipe


def test_a_recipe_travels_to_another_process() -> None:
    recipe = ck.get_variant("resnet20").recipe
    assert pickle.loads(pickle.dumps(recipe)) == recipe


def test_the_default_recipe_is_the_assignments() -> None:
    assert repr(ck.Recipe()) == (
        "Recipe(epochs=10, batch_size=64, optimizer=Adam(lr=0.001, betas=(0.9, 0.999), eps=1e-08, "
        "weight_decay=0.0), schedule=Constant(warmup=0.0), augment=(), "
        "sampling=Shuffled(), mix=None, "
        "loss=CrossEntropy(class_weights=None, label_smoothing=0.0), clip_norm=None, "
        "groups=(), initialization=None, ema_decay=0.0, test_time=None, precision='auto')"
    )


def test_replace_changes_a_copy() -> None:
    recipe = ck.Recipe()
    assert recipe.replace(epochs=3).epochs == 3
    assert recipe.epochs == 10
    assert recipe.replace() == recipe


def test_replace_with_unknown_fields_says_what_to_write_for_each() -> None:
    with pytest.raises(ck.RecipeError) as caught:
        ck.Recipe().replace(epoch=3, lr=0.1, epochs=4)
    assert str(caught.value) == (
        "Recipe takes no lr=: write optimizer=ck.Adam(lr=0.1)\n"
        "  Recipe takes no epoch=: write epochs=3"
    )


def test_a_difference_of_optimizers_is_named_by_them_and_by_their_settings() -> None:
    ours, theirs = (
        ck.TorchOptimizer(torch.optim.RAdam, eps=0.1),
        ck.TorchOptimizer(torch.optim.RAdam, betas=(0.5, 0.9)),
    )
    recipe = ck.Recipe(optimizer=ours)
    assert recipe.differs_from(ck.Recipe()) == {"optimizer": (ck.Adam(), ours)}
    assert recipe.differs_from(ck.Recipe(optimizer=theirs)) == {"optimizer": (theirs, ours)}
    assert ours.differs_from(theirs) == {
        "betas": ((0.5, 0.9), (0.9, 0.999)),
        "eps": (1e-8, 0.1),
    }
    with pytest.raises(ck.RecipeError, match="found TorchOptimizer and Adam"):
        ours.differs_from(ck.Adam())


def test_a_hint_does_not_forget_what_was_chosen() -> None:
    recipe = ck.Recipe(optimizer=ck.Muon(lr=0.1, bias_lr=26.5))
    with pytest.raises(ck.RecipeError, match=r"optimizer=ck\.Muon\(lr=0\.2, bias_lr=26\.5\)"):
        recipe.replace(lr=0.2)


def test_replace_checks_its_values() -> None:
    with pytest.raises(ck.RecipeError, match="epochs=0: allowed is"):
        ck.Recipe().replace(epochs=0)


def test_one_error_lists_every_field_that_is_wrong() -> None:
    wrong: dict[str, Any] = {
        "epochs": 0,
        "batch_size": 2.5,
        "optimizer": "adm",
        "schedule": ck.Adam,
        "augment": "flop",
        "loss": "CrossEntrpy",
        "clip_norm": 0.0,
        "groups": "backbone.*",
        "initialization": "whitenig",
        "ema_decay": 1,
        "test_time": True,
        "precision": "float16",
    }
    with pytest.raises(ck.RecipeError) as caught:
        ck.Recipe(**wrong)
    first, *lines = str(caught.value).splitlines()
    assert first == "Recipe cannot be made of these values:"
    assert [line.strip().partition("=")[0] for line in lines] == list(wrong)
    ours = ["Adam", "AdamW", "Muon", "SGD"]  # a test that ran before may have left some of its own
    assert [kind for kind in re.findall(r"\w+", lines[2].partition("one of ")[2]) if kind in ours][
        :4
    ] == ours
    assert "did you mean 'Adam'?" in lines[2]
    assert "did you mean 'Flip'?" in lines[4]
    assert "did you mean 'CrossEntropy'?" in lines[5]
    assert "did you mean 'Whitening'?" in lines[8]
    assert "'auto', 'float32', 'bfloat16'" in lines[11]


NONSENSE = [-1, -0.5, math.nan, math.inf, -math.inf, True, "10", None, 10**5000, 1 + 0j, [1]]
FIELDS = [
    (ck.Recipe, "epochs"),
    (ck.Recipe, "batch_size"),
    (ck.CrossEntropy, "label_smoothing"),
    (ck.MultiMargin, "margin"),
    (ck.Mixup, "alpha"),
    (ck.CutMix, "alpha"),
    (ck.Adam, "lr"),
    (ck.Adam, "eps"),
    (ck.AdamW, "weight_decay"),
    (ck.SGD, "lr"),
    (ck.SGD, "momentum"),
    (ck.RMSprop, "lr"),
    (ck.RMSprop, "momentum"),
    (ck.Adagrad, "eps"),
    (ck.NAdam, "weight_decay"),
    (ck.Step, "every"),
    (ck.Step, "factor"),
    (ck.MultiStep, "factor"),
    (ck.Plateau, "factor"),
    (ck.Plateau, "final"),
    (ck.Cosine, "final"),
    (ck.OneCycle, "peak"),
    (ck.OneCycle, "rise"),
    (ck.Constant, "warmup"),
]
ZERO_IS_FINE = {"label_smoothing", "weight_decay", "momentum", "final", "warmup"}


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_a_number_no_training_can_use_is_refused_by_field(kind: Any, field: str) -> None:
    for found in NONSENSE if field in ZERO_IS_FINE else [0.0, *NONSENSE]:
        with pytest.raises(ck.RecipeError) as caught:
            kind(**{field: found})
        (_, line) = str(caught.value).splitlines()
        assert line.strip().startswith(f"{field}=")
        assert "allowed is a" in line
        assert len(line) < 200


@pytest.mark.parametrize(("kind", "field"), [p for p in FIELDS if p[1] in ZERO_IS_FINE])
def test_nothing_is_a_number_where_it_means_something(kind: Any, field: str) -> None:
    assert getattr(kind(**{field: 0}), field) == 0.0


@fast
@given(st.floats(allow_nan=True), st.sampled_from([*FIELDS[2:]]))
def test_every_float_is_either_kept_exactly_or_refused(found: float, place: Any) -> None:
    kind, field = place
    try:
        value = kind(**{field: found})
    except ck.RecipeError:
        return
    assert getattr(value, field) == found
    assert 0 <= found <= 100_000


def test_numpys_numbers_become_plain_ones() -> None:
    recipe = ck.Recipe(epochs=np.int32(3), ema_decay=np.float64(0.1))
    assert type(recipe.epochs) is int
    assert type(recipe.ema_decay) is float
    assert eval(repr(recipe), HOUSE) == recipe


def test_the_order_of_augmentations_is_kept_and_a_list_becomes_a_tuple() -> None:
    recipe = ck.Recipe(augment=[ck.Crop(), ck.Flip()])  # type: ignore[arg-type]
    assert recipe.augment == (ck.Crop(), ck.Flip())
    assert recipe != ck.Recipe(augment=(ck.Flip(), ck.Crop()))


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "Recipee"},
        {"epochs": 3},
        {"kind": "Recipe", "epochz": 3},
        {"kind": "Recipe", "epochs": 0},
        {"kind": "Recipe", "epochs": "3"},
        {"kind": "Recipe", "optimizer": {"kind": "Cosine"}},
        {"kind": "Optimizer", "lr": 0.1},
        {"kind": "Range", "least": 0, "most": 1},
        {"kind": "Value"},
        {"kind": None},
        {"kind": ["Recipe"]},
    ],
)
def test_json_that_is_no_recipe_is_a_recipe_error(document: Any) -> None:
    with pytest.raises(ck.RecipeError):
        from_json(document)
