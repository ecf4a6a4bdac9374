"""Commands, run inside this process, and pictures for those that run in their own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from cifarkit.cli import main as program


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command inside this process."""

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["cifarkit", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            program.main()
        return Ended(int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return an image folder of two classes, for fresh processes."""
    for place in ("train/day", "train/night", "test/day", "test/night"):
        folder = tmp_path / "pictures" / place
        folder.mkdir(parents=True)
        for number in range(8):
            grey = 40 * ("day" in place) * number
            Image.new("RGB", (32, 32), (grey, grey, 20 + len(place))).save(folder / f"{number}.png")
    return tmp_path / "pictures"
