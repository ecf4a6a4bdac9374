"""Drawings of ideas, put into the page so that they follow its light and dark form."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FOLDER", "diagram"]

FOLDER = Path(__file__).parents[1] / "diagrams"


def diagram(name: str) -> str:
    """Return a drawing of `docs/diagrams` as a block of HTML."""
    svg = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    lines = [line.strip() for line in svg.splitlines() if line.strip()]  # a gap ends the block
    return "\n".join(['<div class="diagram">', *lines, "</div>"])
