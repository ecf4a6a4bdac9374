"""Every docstring's example runs, and every public name has a docstring with one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import cifarkit as ck

MODULES = [
    module.name
    for module in pkgutil.walk_packages(ck.__path__, "cifarkit.")
    if not module.name.endswith("__main__")
]
# What needs no example: errors say nothing by themselves, and these bases are abstract.
WITHOUT_EXAMPLE = {
    "Augmentation",
    "Batch",
    "ConfusedPair",
    "Initialization",
    "Calibration",
    "LayerSummary",
    "ModelSummary",
    "Optimizer",
    "Schedule",
    "Run",
    "Splits",
    "Value",
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str) -> None:
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(module, optionflags=flags).failed == 0


@pytest.mark.parametrize("name", [name for name in ck.__all__ if name != "__version__"])
def test_public_names_have_a_docstring(name: str) -> None:
    public = getattr(ck, name)
    text = inspect.getdoc(public) or ""
    assert text.partition("\n")[0].endswith((".", ":", "!"))


@pytest.mark.parametrize("name", sorted(set(ck.__all__) - WITHOUT_EXAMPLE - {"__version__"}))
def test_public_functions_and_classes_have_an_example(name: str) -> None:
    public = getattr(ck, name)
    is_error = inspect.isclass(public) and issubclass(public, Exception)
    assert is_error or inspect.ismodule(public) or ">>>" in (inspect.getdoc(public) or "")
