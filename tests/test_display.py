"""One display: it knows where it is, and a reader who goes away does not end the work."""

from __future__ import annotations

import io
import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from cifarkit.blocks import Bar
from cifarkit.display import Display, display_on, in_notebook, is_terminal
from cifarkit.tables import Table


class ZMQInteractiveShell:
    """What IPython calls the shell of a Jupyter kernel."""


class Shell(ZMQInteractiveShell):
    """What Colab makes of it."""


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def tell(display: Display) -> None:
    """Use every verb, as a training of two epochs does."""
    rows = [["1", "50.0 %"], ["2", "60.0 %"]]
    display.log("logged")
    for end in (1, 2):
        display.show(Bar(end, 2, "epoch"), "legend")
        display.row(Table(("epoch", "right"), rows[:end], align="r"))
    display.show("legend")
    display.say("said")
    display.close()


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sit in a notebook, and return what its one output shows, one update after the other."""
    shown: list[str] = []

    def display(forms: dict[str, str], **_: Any) -> SimpleNamespace:
        shown.append(forms["text/plain"])
        return SimpleNamespace(update=lambda forms, **_: shown.append(forms["text/plain"]))

    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=Shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    return shown


@pytest.mark.parametrize(("shell", "expected"), [(Shell, True), (SimpleNamespace, False)])
def test_colab_is_a_notebook_too(
    shell: type, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ipython = SimpleNamespace(get_ipython=lambda: shell())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert in_notebook() is expected


@pytest.mark.parametrize(("term", "expected"), [("xterm", True), ("dumb", False)])
def test_a_dumb_terminal_is_none(
    term: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    assert is_terminal(Screen()) is expected


def test_a_log_gets_what_is_said_and_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    for stream in (io.StringIO(), Screen()):
        tell(display_on(stream))
        assert stream.getvalue() == "logged\nsaid\n"


def test_a_terminal_keeps_rows_and_lines_above_what_is_drawn_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Screen()
    tell(display_on(stream))
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    lines = [line.strip() for line in re.split(r"[\r\n]+", plain)]
    kept = [line for line in lines if line and line != "legend" and not line.startswith("epoch ━")]
    kept = [line for line in kept if not re.search(r"\d/2$", line)]
    assert kept == ["epoch   right", "1  50.0 %", "2  60.0 %", "said"]
    assert "logged" not in plain


def test_a_notebook_has_one_output(outputs: list[str]) -> None:
    tell(display_on(None))
    assert outputs[1].splitlines() == ["epoch 1/2", "legend"]
    assert outputs[-1].splitlines() == [
        "epoch   right",
        "    1  50.0 %",
        "    2  60.0 %",
        "legend",
        "said",
    ]


class Broken(io.StringIO):
    """A pipe whose reader is gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


class BrokenScreen(Broken, Screen):
    """A terminal that is gone."""


def test_nobody_who_reads_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    closed = io.StringIO()
    closed.close()
    for stream in (Broken(), BrokenScreen(), closed, None):
        tell(display_on(stream))
