"""A download that nobody draws says now and then how far it is."""

from __future__ import annotations

import logging

import pytest

from cifarkit.data import download_listener
from cifarkit.data.download_listener import DownloadListener


def test_notes_and_lines_are_warnings_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(download_listener.time, "monotonic", lambda: now[0])
    listener = DownloadListener()
    listener.note("it begins")
    for second in range(0, 100):
        now[0] = float(second)
        listener.move(1_000_000 + 1_000_000 * second, 200_000_000)
    assert [record.getMessage() for record in caplog.records] == [
        "it begins",
        "31.0 of 200.0 MB, 1.00 MB a second, 2:49 minutes left",
        "61.0 of 200.0 MB, 1.00 MB a second, 2:19 minutes left",
        "91.0 of 200.0 MB, 1.00 MB a second, 1:49 minutes left",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_a_download_that_starts_over_promises_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_listener, "PAUSE", 0.0)
    listener = DownloadListener()
    listener.move(50_000_000, 100_000_000)
    listener.move(1_000_000, 100_000_000)
    assert caplog.records[-1].getMessage().startswith("1.0 of 100.0 MB, ")
    assert "left" not in caplog.text
