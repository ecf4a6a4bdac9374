"""The hash of a builder's code: what changes it, and what does not."""

from __future__ import annotations

import functools
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.models.code import code_digest

SOURCE = """
import cifarkit as ck
from torch import nn

WIDTH = 4
UNUSED = 1

class Base(nn.Module):
    def depth(self):
        return 1

class Net(Base):
    def __init__(self, classes):
        super().__init__()
        self.layer = nn.Linear(3072, classes)

    def forward(self, images):
        return scaled(self.layer(images.flatten(1)))

def scaled(logits):
    return logits * WIDTH

def unused():
    return 1

# decorated
def build(*, num_classes=10):
    return Net(num_classes)
"""


@pytest.fixture
def digest_of(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    names: list[str] = []

    def digest_of(source: str) -> str:
        names.append(f"written_{len(names)}_{tmp_path.name}")
        path = tmp_path / f"{names[-1]}.py"
        path.write_text(source)
        module = loaded(names[-1], path)
        return code_digest(module.build)

    yield digest_of
    for name in names:
        del sys.modules[name]


def loaded(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHANGES = {
    "the builder": ("return Net(num_classes)", "return Net(num_classes + 0)"),
    "a class it uses": ("nn.Linear(3072, classes)", "nn.Linear(3072, classes, bias=False)"),
    "a base of that class": ("return 1\n\nclass Net", "return 2\n\nclass Net"),
    "a function that class uses": ("logits * WIDTH", "logits / WIDTH"),
    "a constant that function uses": ("WIDTH = 4", "WIDTH = 5"),
}
NO_CHANGES = {
    "what it does not use": ("def unused():\n    return 1", "def unused():\n    return 2"),
    "a constant it does not use": ("UNUSED = 1", "UNUSED = 2"),
    "its decorator": ("# decorated\n", "@ck.register_model('other', replace=True)\n"),
    "its place in the file": ("UNUSED = 1", "UNUSED = 1\n\n\n"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_other_code_has_another_digest(what: str, digest_of: Callable[[str], str]) -> None:
    assert SOURCE.count(CHANGES[what][0]) == 1
    assert digest_of(SOURCE) != digest_of(SOURCE.replace(*CHANGES[what]))


@pytest.mark.parametrize("what", NO_CHANGES)
def test_the_same_code_has_the_same_digest_whatever_stands_beside_it(
    what: str, digest_of: Callable[[str], str]
) -> None:
    assert SOURCE.count(NO_CHANGES[what][0]) == 1
    assert digest_of(SOURCE) == digest_of(SOURCE.replace(*NO_CHANGES[what]))


def digest(text: str) -> str:
    """Run a text as at a prompt, where no file has its source."""
    world: dict[str, object] = {"__name__": "__main__"}
    exec(text, world)
    return code_digest(world["build"])


VALUES = """
import functools, types

class Kind: pass
class Other: pass

{world}

def deep(*, num_classes=10):
    return {uses}
build = deep
"""
USES: dict[str, tuple[str, str, str]] = {
    "a dict": ("A = {'h': 8}", "A = {'h': 9}", "A['h']"),
    "an attribute of an object": (
        "A = types.SimpleNamespace(h=8)",
        "A = types.SimpleNamespace(h=9)",
        "A.h",
    ),
    "a class of an installed package": ("A = dict", "A = list", "A()"),
    "a class of your own": ("A = [Kind]", "A = [Other]", "A[0]()"),
    "a partial": ("A = functools.partial(int, 8)", "A = functools.partial(int, 9)", "A()"),
    "what lru_cache wraps": (
        "@functools.lru_cache\ndef A(): return 8",
        "@functools.lru_cache\ndef A(): return 9",
        "A()",
    ),
    "a set": ("A = {1, 2}", "A = {1, 3}", "A"),
}


@pytest.mark.parametrize("what", USES)
def test_what_a_builder_uses_counts_down_to_the_last_number(what: str) -> None:
    value, other, uses = USES[what]
    first, again, changed = (
        digest(VALUES.format(world=world, uses=uses)) for world in (value, value, other)
    )
    assert first == again != changed
    unused = [digest(VALUES.format(world=world, uses="8")) for world in (value, other)]
    assert unused[0] == unused[1]


def test_defaults_closures_instances_and_methods_count() -> None:
    class Builder:
        def __init__(self, width: int) -> None:
            self.width = width

        def __call__(self, *, num_classes: int = 10) -> int:
            return self.width

        def build(self, *, num_classes: int = 10) -> int:
            return self.width

    def closed(over: object) -> Callable[..., object]:
        def build(*, num_classes: int = 10) -> object:
            return over

        return build

    def default(width: int) -> Callable[..., int]:
        def build(*, num_classes: int = 10, width: int = width) -> int:
            return width

        return build

    makers: list[Callable[[int], object]] = [
        Builder,
        lambda width: Builder(width).build,
        lambda width: closed([width]),
        lambda width: closed({"act": dict if width == 8 else list}),
        default,
    ]
    for make in makers:
        assert code_digest(make(8)) == code_digest(make(8)) != code_digest(make(9))


def test_two_functions_on_one_line_are_two() -> None:
    first, second = (lambda: 1), (lambda: 2)
    assert code_digest(first) != code_digest(second)


def test_a_method_from_another_module_is_read_there() -> None:
    def digest_with(scale: int) -> str:
        elsewhere: dict[str, Any] = {"__name__": "__main__", "SCALE": scale}
        exec("def forward(self): return SCALE", elsewhere)

        class Net:
            def __init__(self) -> None:
                self.width = 8

            forward = elsewhere["forward"]

        return code_digest(Net)

    assert digest_with(2) == digest_with(2) != digest_with(3)


def test_what_goes_round_in_a_circle_comes_to_an_end() -> None:
    circle: list[object] = []
    circle.append(circle)
    assert code_digest(circle) == code_digest(circle)


def test_names_count_where_there_is_no_source() -> None:
    text = "def build():\n    return str.{}('a')"
    assert digest(text.format("upper")) == digest(text.format("upper"))
    assert digest(text.format("upper")) != digest(text.format("lower"))


def test_options_and_one_s_own_augmentations_count() -> None:
    class Kept:
        def __init__(self, width: int) -> None:
            self.width = width

        def __repr__(self) -> str:
            return "Kept"

    builder = ck.get_variant("linear").builder
    codes = [ck.Variant("one", builder, {"kept": Kept(width)}).code for width in (8, 8, 9)]
    assert codes[0] == codes[1] != codes[2]


def test_code_without_a_file_has_a_digest_too() -> None:
    nested = "def build():\n    def inner():\n        return {}\n    return inner"
    assert digest(nested.format(1)) == digest(nested.format(1))
    assert digest(nested.format(1)) != digest(nested.format(2))


def test_the_arguments_of_a_partial_count() -> None:
    builder = ck.get_variant("mlp").builder
    narrow, wide = (functools.partial(builder, width=width) for width in (8, 16))
    assert code_digest(narrow) != code_digest(wide)
    assert code_digest(narrow) == code_digest(functools.partial(builder, width=8))


@pytest.mark.parametrize("name", ck.list_models())
def test_every_variant_has_a_digest(name: str) -> None:
    assert len(ck.get_variant(name).code) == 16
    assert ck.get_variant(name).code == ck.get_variant(name).code


def test_a_set_in_the_code_has_no_order(tmp_path: Path) -> None:
    # Without source the bytecode of a function counts, where the order of a set varies.
    script = (
        "from cifarkit.models.code import code_digest\n"
        "def f(word): return word in {'box', 'round', 'line', 'dot'}\n"
        "print(code_digest(f))\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-"],
            input=script,
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in range(4)
    }
    assert len(digests) == 1
