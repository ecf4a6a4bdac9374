"""The tree of errors: what is drawn is what is there, and both ways of catching work."""

from __future__ import annotations

import builtins
import inspect
import pickle
import re

import pytest

import cifarkit as ck
from cifarkit import errors

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
