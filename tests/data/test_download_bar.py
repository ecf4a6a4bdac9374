"""On a terminal a download is one live bar; elsewhere, lines in the log."""

from __future__ import annotations

import io
import logging
import re
import sys

import pytest

from cifarkit.data import download_bar
from cifarkit.data.download_bar import shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(download_bar, "PAUSE", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return stream


def test_a_bar_shows_bytes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    terminal = a_terminal(monkeypatch)
    with shown(80_000_000, 170_000_000) as move:
        move(85_000_000)
    assert "85.0/170.0 MB" in terminal.getvalue()
    assert caplog.records == []


def test_the_bar_is_taken_away_on_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = a_terminal(monkeypatch)

    def interrupted() -> None:
        with shown(0, 2) as move:
            move(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.getvalue().count("\x1b[?25h") == 1  # the cursor is back


@pytest.mark.parametrize("stream", [io.StringIO(), None], ids=["a file", "no stderr"])
def test_elsewhere_it_is_a_line_in_the_log_now_and_then(
    stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    monkeypatch.setattr(download_bar.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys, "stderr", stream)
    with shown(1_000_000, 200_000_000) as move:
        for second in range(100):
            now[0] = float(second)
            move(1_000_000 + 1_000_000 * second)
    assert [message.partition(",")[0] for message in caplog.messages] == [
        f"{done}.0/200.0 MB" for done in (31, 61, 91)
    ]
    assert re.fullmatch(r".* MB, [\d.,]+ \wB/s, [\d:]+ left", caplog.messages[-1])
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert stream is None or stream.getvalue() == ""
