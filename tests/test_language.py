"""Plain English: short sentences, without turns over which a learner of English would stumble."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import cifarkit as ck

PACKAGE = Path(ck.__file__).parent
ROOT = PACKAGE.parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
PAGES = [*SOURCES, *(ROOT / "docs").rglob("*.md"), *(ROOT / "tutorials").glob("*.py")]
# What to write in place: resumes, return whether, is not one of, a student who has, again,
# something other than, that is not a; as in `Adam`; DataError: the folder is empty.
TURNS = re.compile(
    r"gone on with|\b[Tt]ell whether\b|\"\"\"Tell (?:from|of)|\bwhat is no\b|\bis none of\b"
    r"|(?<!there )\bis none[.,;:]|\bnone of theirs\b|\bof nobody\b"
    r"|(?:^|[.;:] )[Ww]ho (?:has|hides|wants|gave|is)\b"
    r"|\banew\b|\b(?:take[ns]?|took) up\b|\w+thing else than\b|\b(?:that|which) is no (?!longer)"
    r"|\bas of (?:its )?`|Error: it (?:does|has|is)\."
)
MOST_WORDS = 30  # of a sentence
MOST_MEAN = 16  # of all sentences
Documented = ast.Module | ast.ClassDef | ast.FunctionDef


def text_of(node: ast.AST) -> str:
    """Return the text of a string in a source, with a word for what an f-string puts in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "value" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def written(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each docstring's first paragraph, message and help of a source."""
    tree = ast.parse(source)
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in ast.walk(node) if part is not node}
        if isinstance(node, Documented) and ast.get_docstring(node):
            docstring = node.body[0].value  # type: ignore[attr-defined]
            skipped.add(id(docstring))
            yield docstring.lineno, " ".join(text_of(docstring).split("\n\n")[0].split())
    for node in ast.walk(tree):
        if id(node) not in skipped and len(text_of(node).split()) > 6:
            yield getattr(node, "lineno", 0), text_of(node)


def sentences(text: str) -> list[str]:
    return [part for part in re.split(r"[.!?](?:\s|$)|\n", text) if part.strip()]


def faults(text: str) -> list[str]:
    """Return what is wrong with a text: a sentence that is too long, semicolons that chain."""
    code = re.compile(r"`[^`]*`|\w+ = \S.*|def \w+\(.*|super\(\)[^\n]*")
    found = [
        f"{len(one.split())} words: {one}"
        for one in sentences(text)
        if len(one.split()) > MOST_WORDS
    ]
    if code.sub("", text).count(";") > 1:
        found.append(f"semicolons: {text}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_sentence_has_a_turn_that_was_taken_out(page: Path) -> None:
    text = re.sub(r"\s+#?\s*", " ", page.read_text(encoding="utf-8"))
    assert [text[found.start() - 30 : found.end() + 30] for found in TURNS.finditer(text)] == []


@pytest.mark.parametrize(
    "sentence",
    [
        *("Tell whether it fits.", "the schedule gives what is no rate"),
        *("RecipeError: the recipe is none.", "a leaderboard; who hides seeds does not climb"),
        *(
            "train anew",
            "what is taken up again",
            "something else than a run",
            "a loss that is no number",
        ),
        *("seed: as of `seed_for`", "RunFolderError: it has."),
    ],
)
def test_such_a_turn_would_be_found(sentence: str) -> None:
    assert TURNS.search(sentence)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_first_lines_and_messages_are_short_sentences(source: Path) -> None:
    texts = written(source.read_text(encoding="utf-8"))
    assert [(line, fault) for line, text in texts for fault in faults(text)] == []


def test_sentences_are_short_on_the_mean() -> None:
    texts = [text for path in SOURCES for _, text in written(path.read_text(encoding="utf-8"))]
    lengths = [len(sentence.split()) for text in texts for sentence in sentences(text)]
    assert sum(lengths) / len(lengths) < MOST_MEAN


@pytest.mark.parametrize("text", ["word " * 31, "one; two; three", f"short. {'word ' * 40}; end"])
def test_a_long_sentence_and_a_chain_would_be_found(text: str) -> None:
    assert faults(text)
    assert faults(f"'''{text}'''"[3:-3])
    assert [fault for _, found in written(f'"""{text}"""') for fault in faults(found)]
