from __future__ import annotations

import json
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.recipes.groups import check_names, group_of
from cifarkit.runs.format_1 import current_recipe, first_training
from cifarkit.values import from_json

NAMES = ["backbone.0.weight", "backbone.0.bias", "backbone.10.weight", "head.weight", "head.bias"]


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("*", NAMES),
        ("backbone.*", NAMES[:3]),
        ("*.bias", ["backbone.0.bias", "head.bias"]),
        ("head.weight", ["head.weight"]),
        ("*.?.*", NAMES[:2]),
        ("[!b]*", NAMES[3:]),
        ("Backbone.*", []),
    ],
)
def test_a_pattern_matches_names_as_of_files(pattern: str, matched: list[str]) -> None:
    group = ck.Group(pattern)
    assert [name for name in NAMES if group_of(name, [group])] == matched


@pytest.mark.parametrize(
    ("field", "found"),
    [
        *(("pattern", found) for found in (None, 1, ["backbone.*"], b"head")),
        *(("lr_scale", found) for found in (0, -0.1, float("nan"), "0.1", True, 1001)),
        *(("frozen_epochs", found) for found in (-1, 1.5, True, "first", None, 10**6)),
    ],
)
def test_nonsense_is_refused_by_field(field: str, found: Any) -> None:
    with pytest.raises(ck.RecipeError, match=f"{field}="):
        ck.Group(**{"pattern": "*", field: found})


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("backbone", r"did you mean 'backbone\.\*'\?"),
        ("hed.*", r"did you mean 'head\.\*'\?"),
        ("head.wieght", r"did you mean 'head\.weight'\?"),
        ("module.*.zzz", r"network; Its weights are|did you mean"),
    ],
)
def test_a_pattern_that_matches_nothing_is_told_what_there_is(pattern: str, words: str) -> None:
    with pytest.raises(ck.RecipeError, match=words) as caught:
        check_names([ck.Group(pattern)], [[name] for name in NAMES])
    assert "backbone.0.weight" in str(caught.value)


def test_of_many_names_some_are_told() -> None:
    many = [[f"layers.{number}.weight"] for number in range(99)]
    with pytest.raises(ck.RecipeError) as caught:
        check_names([ck.Group("head.*")], many)
    assert str(caught.value).endswith(
        "layers.0.weight, layers.1.weight, layers.2.weight, …, layers.97.weight, layers.98.weight"
    )


def test_a_weight_has_one_group() -> None:
    weights = [[name] for name in NAMES]
    check_names([ck.Group("backbone.*"), ck.Group("head.*")], weights)
    with pytest.raises(ck.RecipeError, match=r"Group\('\*\.bias'\) and Group\('head\.\*'\) b"):
        check_names([ck.Group("*.bias"), ck.Group("head.*")], weights)


def test_a_weight_in_two_layers_has_one_group_too() -> None:
    tied = [["encoder.weight", "decoder.weight"], ["head.weight"]]
    check_names([ck.Group("*coder.*"), ck.Group("head.*")], tied)
    check_names([ck.Group("decoder.*")], tied)
    with pytest.raises(ck.RecipeError, match=r"'encoder\.weight', also named 'decoder\.weight'; a"):
        check_names([ck.Group("encoder.*"), ck.Group("decoder.*")], tied)


@pytest.mark.parametrize(
    ("pattern", "suggested"),
    [("f.a[0].*", "f.a[[]0].*"), ("f.a[0].weight", "f.a[[]0].weight"), ("f.a[0]", "f.a[[]0].*")],
)
def test_a_suggestion_matches_also_where_a_name_has_brackets(pattern: str, suggested: str) -> None:
    names = [["f.a[0].weight"], ["g.weight"]]
    with pytest.raises(ck.RecipeError) as caught:
        check_names([ck.Group(pattern)], names)
    assert f"did you mean {suggested!r}?" in str(caught.value)
    check_names([ck.Group(suggested)], names)


def test_a_pattern_for_buffers_alone_is_told_so() -> None:
    with pytest.raises(ck.RecipeError, match=r"no weight of the network, only buffers, such as '1"):
        check_names([ck.Group("1.*")], [["0.weight"]], buffers=["1.running_mean"])


def test_a_recipe_takes_one_group_without_a_tuple_and_names_the_difference() -> None:
    group = ck.Group("backbone.*", lr_scale=0.1)
    recipe = ck.Recipe(groups=group)  # type: ignore[arg-type]
    assert recipe.groups == (group,)
    assert recipe.differs_from(ck.Recipe()) == {"groups": ((), (group,))}
    assert group.replace(frozen_epochs="all").differs_from(group) == {"frozen_epochs": (0, "all")}


def test_records_from_before_groups_are_read_and_keep_their_keys() -> None:
    recipe = ck.Recipe(epochs=3)
    old = recipe.to_json()
    del old["groups"]
    assert from_json(current_recipe(old)) == recipe
    assert "groups" not in first_training(recipe.to_json(), [])[0]
    grouped = json.loads(json.dumps(recipe.replace(groups=(ck.Group("*"),)).to_json()))
    assert first_training(grouped, [])[0]["groups"] == grouped["groups"] != []
    assert from_json(grouped).groups == (ck.Group("*"),)


@pytest.mark.parametrize(
    ("word", "value", "way"),
    [
        ("freeze", True, r"groups=ck\.Group\('backbone\.\*', frozen_epochs=1\)"),
        ("freeze_epochs", 2, r"groups=ck\.Group\('backbone\.\*', frozen_epochs=2\)"),
        ("lr_mult", 0.5, r"groups=ck\.Group\('backbone\.\*', lr_scale=0\.5\)"),
        ("layer_decay", 0.75, r"groups=ck\.Group\('backbone\.\*', lr_scale=0\.1\)"),
        ("param_groups", [], r"write groups=ck\.Group\('backbone\.\*', lr_scale=0\.1\)"),
    ],
)
def test_words_of_others_are_understood(word: str, value: Any, way: str) -> None:
    with pytest.raises(ck.UnknownFieldError, match=way):
        ck.Recipe(**{word: value})
