"""On a terminal a download is one live bar; elsewhere, lines in the log."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from cifarkit.cli.download_bar import shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return stream


def test_a_bar_shows_bytes_and_leaves_the_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = a_terminal(monkeypatch)
    with shown() as listener:
        listener.note("CIFAR-10: 170 bytes from [somewhere]")
        listener.move(85_000_000, 170_000_000)
    assert "cifarkit: CIFAR-10: 170 bytes from [somewhere]" in terminal.getvalue()
    assert "85.0/170.0 MB" in terminal.getvalue()


def test_without_a_download_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = a_terminal(monkeypatch)
    with shown():
        pass
    assert terminal.getvalue() == ""


def test_the_bar_is_taken_away_on_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = a_terminal(monkeypatch)

    def interrupted() -> None:
        with shown() as listener:
            listener.move(1, 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.getvalue().count("\x1b[?25h") == 1  # the cursor is back


def test_elsewhere_it_is_lines_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with shown() as listener:
        listener.note("it begins")
        listener.move(1, 2)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "it begins")
    ]
    assert stream.getvalue() == ""
