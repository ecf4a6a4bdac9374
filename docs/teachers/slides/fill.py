"""Draw the figures and numbers of the slides again, where they stand in the pages.

    python docs/teachers/slides/fill.py

What stands between `<!-- figure: NAME -->` and `<!-- end -->` is written by `figures.py`.
"""

from __future__ import annotations

import re
from pathlib import Path

from figures import FIGURES

LECTURES = sorted(Path(__file__).parent.glob("lecture-*.html"))
MARKED = re.compile(r"(<!-- figure: ([\w-]+) -->).*?(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """Return a page with its figures drawn again."""
    return MARKED.sub(lambda found: f"{found[1]}{FIGURES[found[2]]()}{found[3]}", page)


if __name__ == "__main__":
    for lecture in LECTURES:
        lecture.write_text(filled(lecture.read_text(encoding="utf-8")), encoding="utf-8")
