"""What `cifarkit docs` opens, and what it says where there is nothing to open."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Any

import pytest

from cifarkit.cli import docs


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Return the addresses that a browser is asked to open; the site is looked for in tmp_path."""
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    monkeypatch.setattr(docs, "SITES", (tmp_path / "wheel", tmp_path / "checkout"))
    return addresses


def test_the_site_of_the_wheel_comes_before_that_of_a_checkout(
    call: Any, opened: list[str], tmp_path: Path
) -> None:
    for name in ("checkout", "wheel"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").touch()
        address = (tmp_path / name / "index.html").as_uri()
        assert call("docs") == (0, f"{address}\n", "")
        assert opened.pop() == address


def test_without_a_site_the_lines_that_make_it_are_named(call: Any, opened: list[str]) -> None:
    status, out, err = call("docs")
    assert (status, out, opened) == (1, "", [])
    assert "python docs/build.py && mkdocs build" in " ".join(err.split())
    assert "explains it" not in err, "the command cannot explain why it has nothing to show"
