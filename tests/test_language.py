"""Turns of speech over which a learner of English would stumble, in the package and its pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cifarkit as ck

PACKAGE = Path(ck.__file__).parent
ROOT = PACKAGE.parent
PAGES = [*PACKAGE.rglob("*.py"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tutorials").glob("*.py")]
# What to write in place: resumes, return whether, is not one of, a student who has.
TURNS = re.compile(
    r"gone on with|\b[Tt]ell whether\b|\"\"\"Tell (?:from|of)|\bwhat is no\b|\bis none of\b"
    r"|(?<!there )\bis none[.,;:]|\bnone of theirs\b|\bof nobody\b"
    r"|(?:^|[.;:] )[Ww]ho (?:has|hides|wants|gave|is)\b"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_sentence_has_a_turn_that_was_taken_out(page: Path) -> None:
    text = re.sub(r"\s+#?\s*", " ", page.read_text(encoding="utf-8"))
    assert [text[found.start() - 30 : found.end() + 30] for found in TURNS.finditer(text)] == []


@pytest.mark.parametrize(
    "sentence",
    [
        *("Tell whether it fits.", "the schedule gives what is no rate"),
        *("RecipeError: the recipe is none.", "a leaderboard; who hides seeds does not climb"),
    ],
)
def test_such_a_turn_would_be_found(sentence: str) -> None:
    assert TURNS.search(sentence)
