"""Each broken builder is found by the check named for it, and no well-formed one is."""

from __future__ import annotations

import functools
import importlib.util
import random
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import cifarkit as ck
from cifarkit.models.conformance.check import CHECKS, examine
from cifarkit.models.conformance.global_state import changes_of
from cifarkit.randomness import seeded


def beside(name: str) -> ModuleType:
    """Import a module of this folder, which is not a package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where a class's module is looked up
    spec.loader.exec_module(module)
    return module


BROKEN: dict[str, tuple[Any, str]] = beside("broken_builders").BROKEN
WELL_FORMED: dict[str, Any] = beside("well_formed_builders").WELL_FORMED


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def machine() -> tuple[Any, ...]:
    """Return the state that a check must not change."""
    generators = torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())
    settings = (
        *(torch.get_default_dtype(), torch.empty(0).device, torch.is_grad_enabled()),
        *(torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()),
        torch.backends.cudnn.benchmark,
    )
    return generators, settings


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_builder_is_found_by_the_check_named_for_it(name: str) -> None:
    builder, check = BROKEN[name]
    before = machine()
    with pytest.raises(ck.ModelContractError) as caught:
        ck.check_model(builder)
    assert machine() == before
    text = str(caught.value)
    (failed,) = re.findall(r"breaks the contract of a model: (.*)", text)
    assert failed.split(", ")[0] == check  # others may fail after it, for the same reason
    assert text.startswith(f"'{name}' (")
    assert re.search(r"broken_builders\.py:\d+\) breaks", text)
    assert re.search(rf"^{check} +failed   \S.*(\n +[^ -].*)*\n +-> \S", text, re.MULTILINE)


def test_every_check_has_a_broken_builder_that_it_finds() -> None:
    assert {check for _, check in BROKEN.values()} == {check.name for check in CHECKS}
    assert len(BROKEN) >= 24


@pytest.mark.parametrize("name", ck.list_models())
def test_built_ins_pass(name: str) -> None:
    before = machine()
    report = ck.check_model(name)
    assert machine() == before
    assert report.failed == ()
    assert [finding.check for finding in report.findings] == [check.name for check in CHECKS]
    assert {finding.outcome for finding in report.findings} == {"passed"}


@pytest.mark.parametrize("name", WELL_FORMED)
def test_a_well_formed_network_of_any_kind_passes(name: str) -> None:
    assert examine(WELL_FORMED[name]).failed == ()


def test_what_builds_on_a_failed_check_is_not_run_and_says_why() -> None:
    report = examine(BROKEN["gives_none"][0])
    outcomes = [finding.outcome for finding in report.findings]
    assert outcomes == ["failed", *["not run"] * (len(CHECKS) - 1)]
    assert report.findings[1].message == "it needs 'builds', which did not pass"
    assert "did you forget to return the network?" in report.findings[0].message


def test_a_check_needs_only_what_comes_before_it() -> None:
    names = [check.name for check in CHECKS]
    for number, check in enumerate(CHECKS):
        assert set(check.needs) <= set(names[:number])


def test_a_variant_a_name_a_class_and_a_partial_can_be_checked() -> None:
    class Tiny(nn.Sequential):
        def __init__(self, num_classes: int = 10, width: int = 4) -> None:
            super().__init__(
                *(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(192, width), nn.ReLU()),
                nn.Linear(width, num_classes),
            )

    ck.register_model("tiny", options={"width": 6})(Tiny)
    assert ck.check_model("tiny").name == "tiny"
    assert ck.check_model(ck.get_variant("tiny")).name == "tiny"
    assert ck.check_model(Tiny).name == "tiny", "training takes a builder for its registration"
    report = ck.check_model(functools.partial(Tiny, width=5))
    assert report.name == "Tiny"
    assert "test_conformance.py:" in report.source


def test_a_network_in_place_of_its_builder_is_named() -> None:
    with pytest.raises(ck.ModelContractError, match="must build a fresh network at each call"):
        ck.check_model(nn.Flatten())  # type: ignore[arg-type]
    with pytest.raises(ck.ModelContractError, match=r"must be\s+callable, found 3"):
        ck.check_model(3)  # type: ignore[arg-type]


def test_an_unknown_name_is_the_registrys_error() -> None:
    with pytest.raises(ck.UnknownModelError, match="Did you mean 'linear'"):
        ck.check_model("linea")


def test_an_error_from_elsewhere_is_shown_with_its_kind_and_not_by_the_page() -> None:
    def long(*, num_classes: int = 10) -> nn.Module:
        raise OSError("no room\n" * 1000)

    (finding,) = (finding for finding in examine(long).findings if finding.outcome == "failed")
    assert "cannot be built: OSError: no room no room" in finding.message
    assert finding.message.endswith("...")
    assert len(finding.message) < 600


def test_what_is_not_named_by_a_fault_is_not_blamed() -> None:
    """Reports do not depend on what was checked before."""
    names = ["reseeds_torch", "turns_gradients_off", "EndsInSoftmax", "Detaches"]
    first = [examine(BROKEN[name][0]) for name in names]
    second = [examine(BROKEN[name][0]) for name in reversed(names)]
    assert first == second[::-1]
    assert first[1].failed == ("global state",)


def test_a_report_is_a_table_no_wider_than_a_page_and_json() -> None:
    report = examine(BROKEN["WritesIntoItsInput"][0])
    lines = str(report).splitlines()
    assert all(len(line) <= 100 for line in lines[1:])
    assert report.to_json()["findings"][0]["outcome"] == "passed"


def test_changes_are_put_back() -> None:
    before = machine()

    def change() -> None:
        torch.set_default_dtype(torch.float64)
        np.random.seed(0)

    assert changes_of(change) == [
        "changes the default dtype from torch.float32 to torch.float64",
        "reseeds the global generator of NumPy",
    ]
    assert machine() == before


def test_all_generators_are_seeded_and_put_back() -> None:
    def draw() -> tuple[float, ...]:
        return random.random(), np.random.rand(), torch.rand(1).item()

    before = machine()
    with seeded("test", 0):
        first = draw()
    with seeded("test", 0):
        assert draw() == first
    with seeded("test", 1):
        assert not set(draw()) & set(first)
    assert machine() == before
