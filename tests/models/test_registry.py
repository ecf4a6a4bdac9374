from __future__ import annotations

import functools
import importlib
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from torch import nn

import cifarkit as ck
from cifarkit.models import registry as registry_module
from cifarkit.models.registry import registry

BUILT_IN = [
    "linear",
    "mlp",
    "baseline",
    "batchnorm",
    "augmented",
    "deeper",
    "resnet20",
]
CELL = """
import cifarkit as ck
from torch import nn

@ck.register_model("mine", summary={summary!r})
def mine(*, num_classes=10):
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))
"""


def small(*, num_classes: int = 10, width: int = 4) -> nn.Module:
    """Build a small network.

    This line is no summary.
    """
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, width), nn.Linear(width, num_classes))


def other(*, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))


class Net(nn.Module):
    def __init__(self, *, num_classes: int = 10) -> None:
        super().__init__()
        self.last = nn.Linear(3072, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.last(images.flatten(1))


def fails_without_a_trace(error: type[Exception], register: Callable[[], object]) -> str:
    """Run a registration that must fail, check that nothing changed, and return the message."""
    before = dict(registry)
    with pytest.raises(error) as caught:
        register()
    assert dict(registry) == before
    assert list(registry) == list(before)
    return str(caught.value)


def test_the_built_ins_are_all_there() -> None:
    assert set(BUILT_IN) <= set(ck.list_models())


def test_a_registry_reads_like_a_dict() -> None:
    mine = ck.Registry()
    mine.register("tiny")(small)
    assert dict(mine) == {"tiny": mine["tiny"]}
    assert "tiny" in mine
    assert "Tiny" not in mine
    assert [] not in mine  # unhashable
    assert mine.get("tinny") is None
    assert "tiny" not in registry


@pytest.mark.parametrize(
    "name", ["a", "a1", "resnet21", "my-model", "my_model-2", "a" * 64, "a0-0_0"]
)
def test_a_well_formed_name_is_taken(name: str) -> None:
    ck.register_model(name)(small)
    assert ck.get_variant(name).name == name
    assert name in ck.list_models()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "A",
        "Baseline",
        "1a",
        "-a",
        "_a",
        "a-",
        "a_",
        "a--b",
        "a-_b",
        "a b",
        "a.b",
        "a/b",
        "../a",
        "a\n",
        "é",
        "a" * 65,
        "a" * 100_000,
        None,
        3,
        ["a"],
    ],
)
def test_a_malformed_name_is_refused_with_the_rule(name: Any) -> None:
    text = fails_without_a_trace(ck.ModelNameError, lambda: ck.register_model(name)(small))
    assert "small letters and digits" in text
    assert len(text) < 400


@pytest.mark.parametrize("name", ["Baseline", "BASELINE", " baseline", "baseline ", "base-line"])
def test_names_are_not_normalised_at_look_up(name: str) -> None:
    with pytest.raises(ck.UnknownModelError, match="Did you mean 'baseline'"):
        ck.get_variant(name)


def test_a_bare_decorator_is_a_type_error_that_shows_the_spelling() -> None:
    with pytest.raises(TypeError, match=r'@register_model\("a_name"\)'):
        ck.register_model(small)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r'@register_model\("a_name"\)'):

        @ck.register_model  # type: ignore[arg-type]
        class Bare(nn.Module):
            pass


def test_the_builder_comes_back_unchanged_and_decorators_stack() -> None:
    recipe = ck.Recipe(epochs=3)

    def build(*, num_classes: int = 10, width: int = 4) -> nn.Module:
        return small(num_classes=num_classes, width=width)

    stacked = ck.register_model("upper", options={"width": 8})(
        ck.register_model("lower", recipe=recipe)(build)
    )
    assert stacked is build
    upper, lower = ck.get_variant("upper"), ck.get_variant("lower")
    assert upper.builder is lower.builder is build
    assert (upper.recipe, lower.recipe) == (ck.Recipe(), recipe)
    assert upper.differs_from(lower) == {"epochs": (3, 10), "width": (4, 8)}


def test_a_summary_is_what_was_given_or_the_first_line_of_the_docstring() -> None:
    ck.register_model("said", summary="said so")(small)
    ck.register_model("read")(small)
    ck.register_model("silent")(other)
    ck.register_model("empty", summary="")(small)
    summaries = [ck.get_variant(name).summary for name in ("said", "read", "silent", "empty")]
    assert summaries == ["said so", "Build a small network.", "", ""]


def test_a_partial_and_a_class_do_not_speak_with_their_parents_voice() -> None:
    ck.register_model("half")(functools.partial(small, width=2))
    ck.register_model("net")(Net)
    assert ck.get_variant("half").summary == "Build a small network."
    assert ck.get_variant("net").summary == ""


def test_the_same_function_again_replaces_quietly() -> None:
    ck.register_model("mine", summary="first")(small)
    ck.register_model("mine", summary="second")(small)
    assert ck.get_variant("mine").summary == "second"


def test_a_cell_run_twice_replaces_quietly() -> None:
    notebook: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(CELL.format(summary="first"), "<cell 1>", "exec"), notebook)
    first = notebook["mine"]
    exec(compile(CELL.format(summary="second"), "<cell 2>", "exec"), notebook)
    variant = ck.get_variant("mine")
    assert variant.builder is notebook["mine"] is not first
    assert variant.summary == "second"


def test_a_cell_with_a_partial_run_twice_replaces_quietly() -> None:
    cell = CELL.format(summary="") + (
        "import functools\n"
        "ck.register_model('half', replace=False)(functools.partial(mine, num_classes=3))\n"
    )
    notebook: dict[str, Any] = {"__name__": "__main__"}
    exec(cell, notebook)
    exec(cell, notebook)
    assert ck.get_variant("half").builder.func is notebook["mine"]  # type: ignore[attr-defined]


def test_another_partial_of_the_same_function_is_another_builder() -> None:
    ck.register_model("half")(functools.partial(small, width=2))
    fails_without_a_trace(
        ck.DuplicateModelError,
        lambda: ck.register_model("half")(functools.partial(small, width=3)),
    )


def test_a_reloaded_module_replaces_quietly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reloaded_models.py").write_text(CELL.format(summary="reloaded"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = importlib.import_module("reloaded_models")
    before = module.mine
    importlib.reload(module)
    assert ck.get_variant("mine").builder is module.mine is not before
    del sys.modules["reloaded_models"]


def test_another_function_is_refused_and_both_places_are_named() -> None:
    ck.register_model("mine")(small)
    text = fails_without_a_trace(ck.DuplicateModelError, lambda: ck.register_model("mine")(other))
    assert text.count("test_registry.py:") == 2
    assert f"test_registry.py:{small.__code__.co_firstlineno}" in text
    assert f"test_registry.py:{other.__code__.co_firstlineno}" in text
    assert "replace=True" in text


def test_a_builder_that_never_was_a_file_is_named_by_its_cell() -> None:
    exec(compile(CELL.format(summary=""), "<cell 7>", "exec"), {"__name__": "__main__"})
    with pytest.raises(ck.DuplicateModelError, match="'mine' is already <cell 7>:5;"):
        ck.register_model("mine")(other)


def test_a_built_ins_name_is_refused_before_any_look_up() -> None:
    mine = ck.Registry(lambda: mine.register("taken")(small) and None)
    with pytest.raises(ck.DuplicateModelError, match="'taken'"):
        mine.register("taken")(other)


def test_two_lambdas_are_two_functions() -> None:
    ck.register_model("mine")(lambda *, num_classes=10: small(num_classes=num_classes))
    text = fails_without_a_trace(
        ck.DuplicateModelError,
        lambda: ck.register_model("mine")(lambda *, num_classes=10: other()),
    )
    assert "replace=True" in text


def test_replace_takes_the_name() -> None:
    ck.register_model("mine")(small)
    ck.register_model("mine", replace=True)(other)
    assert ck.get_variant("mine").builder is other


def test_an_unknown_name_gets_the_nearest_and_the_list() -> None:
    with pytest.raises(ck.UnknownModelError) as caught:
        ck.create_model("restnet20")
    text = str(caught.value)
    assert text.startswith("no model is called 'restnet20'. Did you mean 'resnet20'? Known are ")
    assert all(name in text for name in BUILT_IN)
    assert isinstance(caught.value, KeyError)


def test_a_name_near_nothing_gets_the_list_alone() -> None:
    with pytest.raises(ck.UnknownModelError) as caught:
        ck.get_variant("zzzzzz")
    assert "Did you mean" not in str(caught.value)
    with pytest.raises(ck.UnknownModelError, match="Known are none yet"):
        ck.Registry()["a"]


@pytest.mark.parametrize("name", [None, 3, []])
def test_looking_up_what_is_no_name_is_an_unknown_model(name: Any) -> None:
    with pytest.raises(ck.UnknownModelError, match="no model is called"):
        ck.get_variant(name)


def test_listing_takes_wildcards_and_keeps_the_order_of_registration() -> None:
    ck.register_model("wild-b")(small)
    ck.register_model("wild-a")(small)
    assert ck.list_models("wild-*") == ["wild-b", "wild-a"]
    assert ck.list_models("WILD-*") == []
    assert ck.list_models() == list(registry)


@pytest.mark.parametrize(
    "builder",
    [
        lambda: None,
        lambda *, classes=10: None,
        lambda num_classes, /: None,
        lambda width, *, num_classes=10: None,
        None,
        "baseline",
        int,
    ],
)
def test_a_builder_that_cannot_take_num_classes_is_refused(builder: Any) -> None:
    fails_without_a_trace(ck.ModelContractError, lambda: ck.register_model("mine")(builder))


def test_the_refusal_shows_the_call_and_how_to_write_it() -> None:
    text = fails_without_a_trace(
        ck.ModelContractError, lambda: ck.register_model("mine", options={"depth": 3})(small)
    )
    assert "(num_classes=10, depth=3)" in text
    assert "'depth'" in text
    assert "def my_model(*, num_classes=10)" in text


def test_a_network_in_place_of_its_builder_is_refused() -> None:
    text = fails_without_a_trace(
        ck.ModelContractError, lambda: ck.register_model("mine")(nn.Linear(3, 2))
    )
    assert "fresh network at each call" in text


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("recipe", {"epochs": 3}),
        ("recipe", ck.Recipe),
        ("recipe", ck.Adam()),
        ("options", ["width"]),
        ("options", "width"),
        ("summary", 5),
    ],
)
def test_an_argument_of_the_wrong_kind_is_refused_by_name(argument: str, value: Any) -> None:
    text = fails_without_a_trace(
        ck.ModelContractError, lambda: ck.register_model("mine", **{argument: value})(small)
    )
    assert text.startswith(f"{argument} of 'mine' must be ")


@pytest.mark.parametrize("options", [{"num_classes": 3}, {3: 3}, {"depth": 2}])
def test_options_that_the_builder_cannot_take_are_refused(options: Any) -> None:
    fails_without_a_trace(
        ck.ModelContractError, lambda: ck.register_model("mine", options=options)(small)
    )


def test_the_registry_keeps_its_own_copy_of_the_options() -> None:
    options = {"width": 8}
    ck.register_model("mine", options=options)(small)
    options["width"] = 99
    assert ck.get_variant("mine").options == {"width": 8}


def test_a_class_a_partial_and_a_lambda_are_builders() -> None:
    ck.register_model("net")(Net)
    ck.register_model("half")(functools.partial(small, width=2))
    ck.register_model("brief")(lambda *, num_classes=10: small(num_classes=num_classes))
    images = torch.zeros(2, 3, 32, 32)
    for name in ("net", "half", "brief"):
        assert ck.create_model(name, num_classes=7)(images).shape == (2, 7)
        assert "test_registry.py:" in ck.get_variant(name).source


def test_a_builder_that_passes_its_options_on_gets_ten_classes_by_default() -> None:
    @ck.register_model("passes-on")
    def passes_on(**options: Any) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, options.get("num_classes", 1000)))

    @ck.register_model("no-default")
    def no_default(num_classes: int) -> nn.Module:
        return small(num_classes=num_classes)

    for name in ("passes-on", "no-default"):
        assert ck.create_model(name)(torch.zeros(1, 3, 32, 32)).shape == (1, 10)


def test_discovery_waits_for_the_first_look_up_and_happens_once() -> None:
    calls = []
    mine = ck.Registry(lambda: calls.append(1))
    assert calls == []
    for _ in range(2):
        assert "a" not in mine
        assert len(mine) == 0
    assert calls == [1]


def test_a_discovery_cut_short_is_tried_again() -> None:
    interrupts = iter([True, False])

    def discover() -> None:
        if next(interrupts):
            raise KeyboardInterrupt
        mine.register("found")(small)

    mine = ck.Registry(discover)
    with pytest.raises(KeyboardInterrupt):
        list(mine)
    assert list(mine) == ["found"]


def test_all_or_nothing_keeps_what_was_discovered_inside_it() -> None:
    mine = ck.Registry(lambda: mine.register("built-in")(small) and None)
    with pytest.raises(ck.DuplicateModelError), mine.all_or_nothing():
        mine.register("built-in")(mine.register("half-done")(other))
    assert list(mine) == ["built-in"]


def test_all_or_nothing_keeps_everything_when_nothing_fails() -> None:
    mine = ck.Registry()
    with mine.all_or_nothing():
        mine.register("kept")(small)
    assert list(mine) == ["kept"]


NAMES = st.sampled_from(["a", "b", "c", "A", "a_", ""])
BUILDERS = st.sampled_from([small, other, Net, None, "baseline"])
RECIPES = st.sampled_from([None, ck.Recipe(epochs=2), "fast"])


def error_of(name: str, builder: Any, recipe: Any, replace: bool, known: dict[str, Any]) -> Any:
    """Return, by plain rules, the error that a registration must give, if any."""
    if name not in ("a", "b", "c"):
        return ck.ModelNameError
    if isinstance(recipe, str) or builder in (None, "baseline"):
        return ck.ModelContractError
    if name in known and known[name][0] is not builder and not replace:
        return ck.DuplicateModelError
    return None


class AgainstADict(RuleBasedStateMachine):
    """A registry and a dict get the same calls and must stay equal."""

    kind: type[ck.Registry] = ck.Registry

    def __init__(self) -> None:
        super().__init__()
        self.registry = self.kind()
        self.model: dict[str, tuple[Any, ck.Recipe]] = {}

    @rule(name=NAMES, builder=BUILDERS, recipe=RECIPES, replace=st.booleans())
    def register(self, name: str, builder: Any, recipe: Any, replace: bool) -> None:
        error = error_of(name, builder, recipe, replace, self.model)
        if error is None:
            made = self.registry.register(name, recipe=recipe, replace=replace)(builder)
            assert made is builder
            self.model[name] = (builder, recipe or ck.Recipe())
        else:
            with pytest.raises(error):
                self.registry.register(name, recipe=recipe, replace=replace)(builder)

    @rule(
        registrations=st.lists(st.tuples(st.sampled_from("abc"), BUILDERS), max_size=3),
        fails=st.booleans(),
    )
    def together(self, registrations: list[tuple[str, Any]], fails: bool) -> None:
        model = dict(self.model)
        try:
            with self.registry.all_or_nothing():
                for name, builder in registrations:
                    self.registry.register(name)(builder)
                    model[name] = (builder, ck.Recipe())
                if fails:
                    raise ZeroDivisionError
        except (ZeroDivisionError, ck.CifarkitError):
            pass
        else:
            self.model = model

    @rule(name=NAMES)
    def look_up(self, name: str) -> None:
        if name in self.model:
            variant = self.registry[name]
            assert (variant.name, variant.builder, variant.recipe) == (name, *self.model[name])
        else:
            with pytest.raises(ck.UnknownModelError):
                self.registry[name]

    @invariant()
    def says_the_same(self) -> None:
        assert list(self.registry) == list(self.model)
        assert len(self.registry) == len(self.model)
        assert {name: variant.builder for name, variant in self.registry.items()} == {
            name: builder for name, (builder, _) in self.model.items()
        }


def test_a_registry_is_a_dict_with_rules() -> None:
    run_state_machine_as_test(
        AgainstADict,
        settings=settings(max_examples=40, stateful_step_count=15, deadline=None, database=None),
    )


def test_the_state_machine_would_find_a_registry_that_overwrites(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry_module, "is_same", lambda known, builder: True)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run_state_machine_as_test(
            AgainstADict,
            settings=settings(
                max_examples=200,
                stateful_step_count=15,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                report_multiple_bugs=False,
                derandomize=True,
            ),
        )


def test_registering_many_in_any_order_lists_them_in_that_order() -> None:
    names = [f"many-{number}" for number in range(50)]
    random.Random(0).shuffle(names)
    for name in names:
        ck.register_model(name)(small)
    assert ck.list_models("many-*") == names


def test_a_foreign_network_is_registered_in_three_lines_and_in_a_cell_run_twice() -> None:
    cell = """
import cifarkit as ck
import torchvision

@ck.register_model("tv18")
def tv18(*, num_classes=10):
    return torchvision.models.resnet18(weights=None, num_classes=num_classes)
"""
    notebook: dict[str, Any] = {"__name__": "__main__"}
    exec(cell, notebook)
    exec(cell, notebook)
    assert "tv18" in ck.list_models()
    network = ck.create_model("tv18", num_classes=5).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 5)
    factors = ck.get_variant("tv18").differs_from(ck.get_variant("resnet20"))
    assert {"builder", "epochs", "optimizer", "schedule", "augment"} <= set(factors)
    assert ck.summary(network).parameters == sum(p.numel() for p in network.parameters())


def test_torchvisions_own_builders_can_be_registered_as_they_are() -> None:
    import torchvision

    ck.register_model("tv18")(functools.partial(torchvision.models.resnet18, weights=None))
    assert ck.create_model("tv18").fc.out_features == 10
