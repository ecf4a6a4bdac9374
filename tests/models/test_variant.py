from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import cifarkit as ck
from cifarkit.models.convolutional import convolutional
from cifarkit.models.variant import source_of

BUILT_IN = ck.list_models()


def small(*, num_classes: int = 10, width: int = 4, norm: str | None = None) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, width), nn.Linear(width, num_classes))


def twenty(*, num_classes: int = 20) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))


def foreign(*, num_classes: int = 10, width: int = 4) -> nn.Module:
    return small(num_classes=num_classes, width=width)


@pytest.mark.parametrize("name", BUILT_IN)
def test_nothing_differs_from_itself(name: str) -> None:
    variant = ck.get_variant(name)
    assert variant.differs_from(variant) == {}
    assert variant.differs_from(dataclasses.replace(variant, name="twin", summary="a twin")) == {}


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(BUILT_IN, 2)))
def test_a_difference_is_the_same_seen_from_the_other_side(first: str, second: str) -> None:
    variant, other = ck.get_variant(first), ck.get_variant(second)
    there, back = variant.differs_from(other), other.differs_from(variant)
    assert there
    assert {factor: pair[::-1] for factor, pair in there.items()} == back


def test_an_option_given_as_its_default_is_no_difference() -> None:
    plain = ck.Variant("plain", small)
    explicit = ck.Variant("explicit", small, {"width": 4, "num_classes": 10})
    assert plain.differs_from(explicit) == {}
    assert ck.Variant("wide", small, {"width": 8}).differs_from(plain) == {"width": (4, 8)}


def test_another_builder_is_a_factor_with_both_places() -> None:
    ours, theirs = ck.Variant("ours", foreign, {"width": 8}), ck.Variant("theirs", small)
    differences = ours.differs_from(theirs)
    assert differences == {"builder": (theirs.source, ours.source), "width": (None, 8)}


def test_an_option_that_is_none_is_told_from_a_string() -> None:
    ours = ck.Variant("ours", small, {"norm": "batch"})
    assert ours.differs_from(ck.Variant("theirs", small)) == {"norm": (None, "batch")}


def test_a_recipe_and_an_option_are_both_named() -> None:
    ours = ck.Variant("ours", small, {"width": 8}, ck.Recipe(epochs=3))
    assert ours.differs_from(ck.Variant("theirs", small)) == {"epochs": (10, 3), "width": (4, 8)}


def test_building_gives_a_fresh_network_with_the_variants_options() -> None:
    variant = ck.Variant("wide", small, {"width": 8})
    first, second = variant.build(num_classes=3), variant.build(num_classes=3)
    assert [layer.out_features for layer in first if isinstance(layer, nn.Linear)] == [8, 3]
    assert not {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}
    assert variant.build(width=5)[1].out_features == 5  # type: ignore[index]


def test_without_a_number_of_classes_it_is_the_builders_own_or_the_variants() -> None:
    assert ck.Variant("own", twenty).build()[1].out_features == 20  # type: ignore[index]
    chosen = ck.Variant("chosen", twenty, {"num_classes": 5})
    assert chosen.build()[1].out_features == 5  # type: ignore[index]
    assert chosen.build(num_classes=7)[1].out_features == 7  # type: ignore[index]


@pytest.mark.parametrize("wrong", [0, -1, True, 2.0, "10", None, float("nan"), [10]])
def test_a_number_of_classes_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(ck.ModelContractError, match=r"num_classes=.*a whole number, 1 or more"):
        ck.create_model("linear", num_classes=wrong)


def test_numpys_whole_numbers_count_classes_too() -> None:
    assert ck.create_model("linear", num_classes=np.int64(3))[1].out_features == 3  # type: ignore[index]


def test_an_unknown_option_names_it_and_those_there_are() -> None:
    with pytest.raises(ck.ModelContractError) as caught:
        ck.create_model("baseline", widht=3)
    text = str(caught.value)
    assert "'widht'" in text
    assert "its builder takes num_classes, widths, depth, batch_norm, dropout" in text
    assert os.fspath(ck.get_variant("baseline").source) in text


def test_options_that_make_no_network_for_these_images_are_a_broken_contract() -> None:
    with pytest.raises(ck.ModelContractError, match=r"'baseline'.*does not take images"):
        ck.create_model("baseline", widths=(8,))


def test_equal_variants_hash_alike_and_options_tell_them_apart() -> None:
    variant, equal = (ck.Variant("wide", small, {"width": 8}) for _ in range(2))
    assert variant == equal
    assert hash(variant) == hash(equal)
    assert variant != ck.Variant("wide", small, {"width": 9})
    assert {variant, equal, ck.get_variant("linear")} == {variant, ck.get_variant("linear")}


def test_a_variant_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ck.get_variant("linear").name = "mine"  # type: ignore[misc]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_variant_travels_to_another_process(name: str) -> None:
    variant = ck.get_variant(name)
    assert pickle.loads(pickle.dumps(variant)) == variant


def test_the_source_is_file_and_line_also_through_wrappers() -> None:
    @functools.wraps(small)
    def wrapped(**options: Any) -> nn.Module:
        return small(**options)

    line = small.__code__.co_firstlineno
    for builder in (small, wrapped, functools.partial(small, width=3)):
        assert source_of(builder).endswith(f"test_variant.py:{line}")


def test_a_source_below_the_working_folder_is_shown_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    assert source_of(small) == f"test_variant.py:{small.__code__.co_firstlineno}"


def test_what_has_no_source_is_shown_as_it_prints() -> None:
    assert source_of(len) == "<built-in function len>"
    space: dict[str, Any] = {}
    exec(compile("\n\ndef made(): pass", "<cell 3>", "exec"), space)
    assert source_of(space["made"]) == "<cell 3>:3"


def test_a_class_that_never_was_a_file_is_named_by_its_cell() -> None:
    space: dict[str, Any] = {"__name__": "__main__"}
    text = "class Net:\n    rate = 1\n    def __init__(self): pass\nclass Empty: pass"
    exec(compile(text, "<cell 4>", "exec"), space)
    assert source_of(space["Net"]) == "Net in <cell 4>:3"
    assert source_of(functools.partial(space["Net"], 1)) == "Net in <cell 4>:3"
    assert source_of(space["Empty"]) == "Empty in __main__"


def test_building_leaves_the_variants_options_alone() -> None:
    def eats(*, num_classes: int = 10, **options: Any) -> nn.Module:
        options.clear()
        return small(num_classes=num_classes)

    variant = ck.Variant("eats", eats, {"width": 3})
    variant.build()
    assert variant.options == {"width": 3}


def test_the_default_recipe_is_the_assignments() -> None:
    assert ck.Variant("plain", small).recipe == ck.Recipe()
    assert ck.get_variant("baseline").builder is convolutional


def test_the_source_of_an_installed_builder_is_named_from_where_python_imports_it() -> None:
    """The tests run in their own folder, so nothing here is below the current folder."""
    path, _, line = ck.get_variant("baseline").source.rpartition(":")
    assert Path(path) == Path("cifarkit", "models", "convolutional.py")
    assert int(line) > 1


def test_a_variant_differs_from_nothing_else() -> None:
    with pytest.raises(
        ck.ModelContractError, match=r"such as ck\.get_variant\(name\), found 'mlp'"
    ):
        ck.get_variant("linear").differs_from("mlp")  # type: ignore[arg-type]
