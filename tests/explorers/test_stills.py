"""The pictures that stand on the pages where scripts are off."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

EXPLORERS = Path(__file__).parents[2] / "docs" / "explorers"
# The scripts of the live network are those of a report: tests/report/ has their tests.
WITHOUT = {"index", "live-network"}
PAGES = sorted(page for page in EXPLORERS.glob("*.md") if page.stem not in WITHOUT)


def test_the_committed_pictures_are_those_that_the_script_draws(
    node: Callable[..., Any], tmp_path: Path
) -> None:
    copied = tmp_path / "explorers"
    shutil.copytree(EXPLORERS, copied, ignore=shutil.ignore_patterns("*.svg", "*.md"))
    subprocess.run([str(shutil.which("node")), str(copied / "stills.js")], check=True)
    drawn = {path.name: path.read_text(encoding="utf-8") for path in copied.glob("*.svg")}
    assert {"convolution.svg", "seed-machine.svg"} <= drawn.keys()
    for name, text in drawn.items():
        assert (EXPLORERS / name).read_text(encoding="utf-8") == text, (
            "run docs/explorers/stills.js"
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_its_picture_and_its_scripts_beside_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert {"explorer.css", "explorer.js", f"{page.stem}.js"} <= set(named)
    assert [name for name in named if not (EXPLORERS / name).is_file()] == []
    assert f'<div class="explorer" id="{page.stem}">' in text
