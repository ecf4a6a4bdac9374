"""Pictures for commands that run in processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return an image folder of two classes, for fresh processes."""
    for place in ("train/day", "train/night", "test/day", "test/night"):
        folder = tmp_path / "pictures" / place
        folder.mkdir(parents=True)
        for number in range(8):
            grey = 40 * ("day" in place) * number
            Image.new("RGB", (32, 32), (grey, grey, 20)).save(folder / f"{number}.png")
    return tmp_path / "pictures"
