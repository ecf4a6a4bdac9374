"""Links between the gallery, the reference of plots and the tutorials."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["figures_of", "links_of", "names", "thumbnails"]

ROOT = Path(__file__).parents[2]
HEADING = re.compile(r"^### `(\w+)`$", re.MULTILINE)
CALL = re.compile(r"\bplots\.(\w+)\(")


def names() -> list[str]:
    """Return the plots of the gallery in the order of the page; each section draws one figure."""
    return HEADING.findall((ROOT / "docs" / "gallery.md").read_text(encoding="utf-8"))


def thumbnails() -> str:
    """Return a small picture of each plot for the reference, each a link into the gallery."""
    pictures = [
        f"[![A figure of plots.{name}](../gallery/figure-{number}.svg){{ loading=lazy }}"
        f"<br>`{name}`](../gallery.md#{name})"
        for number, name in enumerate(names(), start=1)
    ]
    return "\n".join([*pictures, "{: .thumbnails }"])


def links_of(name: str) -> str:
    """Return where else a plot is: its reference, and the tutorials that draw it."""
    tutorials = [
        f"[{script.stem[:2].lstrip('0')}](tutorials/{script.stem}.md)"
        for script in sorted((ROOT / "tutorials").glob("*.py"))
        if name in CALL.findall(script.read_text(encoding="utf-8"))
    ]
    reference = f"Reference: [`plots.{name}`][cifarkit.plots.{name}]."
    if not tutorials:
        return reference
    return f"{reference} Tutorial{'s' * (len(tutorials) > 1)}: {', '.join(tutorials)}."


def figures_of(script: str) -> str:
    """Return links from a tutorial to the plots that it draws; nothing if it draws none."""
    drawn = set(CALL.findall(script))
    links = [f"[`{name}`](../gallery.md#{name})" for name in names() if name in drawn]
    return f"Figures of this page in the gallery: {', '.join(links)}." if links else ""
