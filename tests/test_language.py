"""Plain English: short sentences, without turns over which a learner of English would stumble."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import cifarkit as ck

PACKAGE = Path(ck.__file__).parent
ROOT = PACKAGE.parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
# What cifarkit wrote into docs/records consists of its messages, which are read in its sources.
DOCUMENTS = [
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md"),
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if "records" not in page.parts),
    *sorted((ROOT / "tutorials").glob("*.py")),
]
PAGES = [*SOURCES, *DOCUMENTS]
# What to write in place: resumes, return whether, is not one of, a student who has, again,
# something other than, that is not a; as in `Adam`; DataError: the folder is empty; if you.
TURNS = re.compile(
    r"gone on with|\b[Tt]ell whether\b|\"\"\"Tell (?:from|of)|\bwhat is no\b|\bis none of\b"
    r"|(?<!there )\bis none[.,;:]|\bnone of theirs\b|\bof nobody\b"
    r"|(?:^|[.;:] )[Ww]ho (?:has|hides|wants|gave|is)\b"
    r"|\banew\b|\b(?:take[ns]?|took) up\b|\w+thing else than\b|\b(?:that|which) is no (?!longer)"
    r"|\bas of (?:its )?`|Error: it (?:does|has|is)\."
    r"|\b(?:[Ww]hoever|shall|hence|thereby|wherein|upon)\b|\bif need be\b|\bof the lot\b"
    r"|(?:^|[.;:,] )(?:[Hh]ad (?:one|it|there|we|you)|[Ww]ere (?:the|it)) "
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


def prose(markdown: str) -> Iterator[str]:
    """Yield each paragraph and item of a list on a page, without code, links and emphasis.

    What stands for a picture is no sentence, and is passed over.
    """
    page = re.sub(r"\A---\n.*?^---$|^( *)(```+|~~~+).*?^\1\2$", "\n", markdown, flags=re.M | re.S)
    page = re.sub(r"<!--.*?-->|!\[[^\]]*\]\([^)]*\)", "", page, flags=re.S)
    page = re.sub(r"^:::.*(?:\n +.*)*|^(?:#+ |\||<|!!!|\?\?\?).*$", "\n", page, flags=re.M)
    page = re.sub(r"^ *(?:[-*] |\d+\. )", "\n\n", page, flags=re.M)
    for paragraph in re.split(r"\n\s*\n", page):
        if text := plain(paragraph):
            yield text


def cells(markdown: str) -> Iterator[str]:
    """Yield each cell of each table on a page."""
    for row in re.findall(r"^\|(.*)\|$", markdown, re.MULTILINE):
        yield from filter(None, map(plain, row.split("|")))


def plain(paragraph: str) -> str:
    """Return the words of Markdown on one line: code as one word, a link as what it shows."""
    text = re.sub(r"`[^`]+`", "code", paragraph)
    text = re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", text)
    text = re.sub(r"<[^>]+>|\{[^}]*\}|[*_]", "", text)
    return " ".join(re.sub(r"([.!?])([)\"])", r"\2\1", text).split())


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


def chained_colons(text: str) -> list[str]:
    return [f"colons: {part}" for part in sentences(text) if len(re.findall(r":\s", part)) > 1]


@pytest.fixture
def markdown_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], str]:
    """Return a way to read a page; of a tutorial its cells of text."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))

    def read(page: Path) -> str:
        text = page.read_text(encoding="utf-8")
        if page.suffix == ".md":
            return text
        parsed = importlib.import_module("writers.percent").parse(text)
        return "\n\n".join(cell.text for cell in parsed if cell.kind == "markdown")

    return read


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
        *("seed: as of `seed_for`", "RunFolderError: it has.", "a draw of the lot"),
        *("It waits. Whoever waits, wins.", "It is late. Had one waited, it was won."),
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


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_written_in_short_sentences(
    page: Path, markdown_of: Callable[[Path], str]
) -> None:
    markdown = markdown_of(page)
    texts = list(prose(markdown))
    in_tables = [] if "lab-notes" in page.parts else cells(markdown)  # notes list settings there
    found = [fault for text in (*texts, *in_tables) for fault in faults(text)]
    assert found + [fault for text in texts for fault in chained_colons(text)] == []
    lengths = [len(sentence.split()) for text in texts for sentence in sentences(text)]
    assert sum(lengths) < MOST_MEAN * max(1, len(lengths))


LONG = "word " * 31


@pytest.mark.parametrize(
    "markdown",
    [
        *(
            LONG,
            f"- short\n- {LONG}",
            f"1. {LONG}",
            f"    {LONG}",
            f"**Bold.** {LONG}",
            f"({LONG}.)",
        ),
        *(f"# Title\n{LONG}", f"```python\nx = 1\n```\n{LONG}", f"---\na: b\n---\n{LONG}"),
        *("one `;` two; three\nfour; five", "one: two: three", "*One*: [two](a.md): three"),
    ],
)
def test_a_long_sentence_of_a_page_would_be_found(markdown: str) -> None:
    assert [fault for text in prose(markdown) for fault in faults(text) + chained_colons(text)]


@pytest.mark.parametrize(
    "markdown",
    [
        *(
            f"```text\n{LONG}\n```",
            f"<!-- {LONG} -->",
            f"`{LONG}`",
            f"[word]({LONG})",
            f"| {LONG} |",
        ),
        *("- word\n" * 31, f"{'word ' * 20}.\n{'word ' * 20}", "::: cifarkit.name"),
        *(f"(Short.) {'word ' * 29}", "`a; b; c` is code", "at 10:30: one colon"),
        *(f"![{LONG}](a.png)", f"{'word ' * 20}\n<figcaption>\n{'word ' * 20}"),
    ],
)
def test_code_and_short_sentences_of_a_page_pass(markdown: str) -> None:
    assert not [fault for text in prose(markdown) for fault in faults(text) + chained_colons(text)]


def test_a_long_sentence_in_a_table_would_be_found() -> None:
    assert [fault for text in cells(f"| short | {LONG} |\n|---|---|") for fault in faults(text)]
