"""The tree of errors: what is drawn is what is there, and both ways of catching work."""

from __future__ import annotations

import builtins
import dataclasses
import inspect
import io
import pickle
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook

import cifarkit as ck
from cifarkit import errors
from cifarkit.data.archives import ARCHIVES

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbformat import NotebookNode

PAGE = (Path(__file__).parents[1] / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^::: cifarkit\.(\w+)\n(.*?)(?=^:::|\Z)", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, ck.CifarkitError)
}


def drawn() -> dict[str, set[str]]:
    """Read the tree in the docstring: `{error: {its bases}}`."""
    bases: dict[str, set[str]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│├└─ ]*)(\w+Error)(?: \((\w+)\))?(?: |$)", line)
        if found:
            depth = len(found[1]) // 4
            above[depth:] = [found[2]]
            bases[found[2]] = ({above[depth - 1]} if depth else {"Exception"}) | (
                {found[3]} if found[3] else set()
            )
    return bases


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert drawn() == {
        name: {base.__name__ for base in kind.__bases__} for name, kind in CLASSES.items()
    }


def test_every_error_is_exported() -> None:
    assert set(errors.__all__) == set(CLASSES) | {"CifarkitWarning"}
    assert set(errors.__all__) <= set(ck.__all__)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_an_error_says_its_text_and_is_caught_both_ways(name: str) -> None:
    text = "found 'x', allowed is 'y':\n  do z"
    with pytest.raises(ck.CifarkitError) as caught:
        raise CLASSES[name](text)
    assert str(caught.value) == text
    natural = {base for base in drawn()[name] if hasattr(builtins, base)} - {"Exception"}
    for base in natural:
        assert isinstance(caught.value, getattr(builtins, base))


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_an_error_survives_the_way_between_processes(name: str) -> None:
    error = pickle.loads(pickle.dumps(CLASSES[name]("what was found")))
    assert type(error) is CLASSES[name]
    assert str(error) == "what was found"


def test_an_error_without_a_text_has_an_empty_one() -> None:
    assert str(ck.UnknownModelError()) == ""


def test_every_error_has_a_section_with_cause_and_cure() -> None:
    sections = dict(SECTION.findall(PAGE))
    assert set(sections) == {"errors", *errors.__all__}
    for name in errors.__all__:
        assert re.search(r"^\*\*Cause\.\*\* .+^\*\*Cure\.\*\* ", sections[name], re.M | re.S), name


def test_the_example_of_a_section_raises_the_class_of_the_section(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nowhere = dataclasses.replace(ARCHIVES["cifar10"], sources=("http://127.0.0.1:9/nothing",))
    monkeypatch.setattr("cifarkit.data.cifar.CIFAR10", nowhere)
    namespace: dict[str, Any] = {"__name__": "page"}
    exec(FENCE.findall(PAGE)[0], namespace)
    raised = {}
    for name, section in SECTION.findall(PAGE)[1:]:
        with redirect_stdout(io.StringIO()) as printed:
            exec("\n".join(FENCE.findall(section)), namespace)
        raised[name] = printed.getvalue().partition(":")[0]
    assert issubclass(CLASSES[raised.pop("CifarkitError")], ck.CifarkitError)  # one of the others
    assert raised == {name: name for name in errors.__all__ if name != "CifarkitError"}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_an_error_points_at_its_section(name: str) -> None:
    class Mine(CLASSES[name]):  # type: ignore[misc, name-defined]
        """An error of a user's."""

    sentence = f"`cifarkit docs` explains it: reference/errors.html#cifarkit.{name}"
    assert [kind("").pointer for kind in (CLASSES[name], Mine)] == [sentence, sentence]


def test_a_notebook_shows_the_message_and_the_pointer(
    run_notebook: Callable[[NotebookNode], NotebookNode],
) -> None:
    cell = new_code_cell(
        "import cifarkit as ck\nck.load_data('cifar11')",
        metadata={"tags": ["raises-exception"]},
    )
    (output,) = run_notebook(new_notebook(cells=[cell])).cells[0].outputs
    *above, last = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(output.traceback)).splitlines()
    assert last == ck.DataError("").pointer
    assert above[-1].startswith("DataError: there is no data source 'cifar11'; ")
    assert any("ck.load_data('cifar11')" in line for line in above)  # the user's line, too
