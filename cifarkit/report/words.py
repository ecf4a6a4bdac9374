"""The student's words on the page: a name, and a text of paragraphs."""

from __future__ import annotations

import re
import stat
import unicodedata
from pathlib import Path
from typing import Any, NamedTuple

from cifarkit.errors import DataError
from cifarkit.storage.folders import expanded

__all__ = ["Words", "read_words"]

LONGEST_NAME, LONGEST_TEXT = 200, 1_000_000  # letters; bytes
TEXT_FILES = (".md", ".txt", ".rst", ".markdown")


class Words(NamedTuple):
    """The author of a page, and their notes.

    Attributes:
        author: a name, or empty.
        paragraphs: paragraphs of plain text.
    """

    author: str
    paragraphs: list[str]


def read_words(author: Any, notes: Any) -> Words:
    r"""Check what `write_report` was given, and read the file of the notes.

    Raises:
        DataError: the author is not a line of text, or the notes are neither text nor a text file.

    >>> read_words("Ada Lovelace", "It overfits.\n\nMore data would help.").paragraphs
    ['It overfits.', 'More data would help.']
    """
    return Words("" if author is None else _name(author), [] if notes is None else _text(notes))


def _name(author: Any) -> str:
    name = _clean(author).strip() if isinstance(author, str) else ""
    if not name or "\n" in name or len(name) > LONGEST_NAME:
        raise DataError(
            f"the author is a name on one line, of 1 to {LONGEST_NAME} letters, "
            f"found {_cut(author)}; for more, write notes"
        )
    return name


def _text(notes: Any) -> list[str]:
    if isinstance(notes, Path):
        whose, text = f"in the notes file {str(notes)!r}", _read(expanded(notes))
    elif isinstance(notes, str):
        whose, text = "in the notes", notes
        if "\n" not in notes and notes.strip().lower().endswith(TEXT_FILES):
            raise DataError(
                f"notes={notes!r} would be the text itself; for the text in that file write "
                f"notes=Path({notes!r}), after from pathlib import Path"
            )
    else:
        raise DataError(f"notes are a text, or the Path of a text file, found {_cut(notes)}")
    paragraphs = [part.strip("\n") for part in re.split(r"\n[ \t]*(?:\n[ \t]*)+", _clean(text))]
    paragraphs = [part for part in paragraphs if part.strip()]
    if not paragraphs:
        raise DataError(f"there is no text {whose}; write some, or leave notes out")
    return paragraphs


def _read(path: Path) -> str:
    """Read a text file, but not more than the longest notes."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"notes are read from a text file, and {str(path)!r} is something else")
        with path.open("rb") as file:
            content = file.read(LONGEST_TEXT + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"the notes file {str(path)!r} cannot be read: {error}") from error
    if len(content) > LONGEST_TEXT:
        raise DataError(
            f"the notes file {str(path)!r} has more than {LONGEST_TEXT:,} bytes; give a "
            "shorter text"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(
            f"the notes file {str(path)!r} is not plain text in UTF-8; save it as plain text, with "
            "UTF-8 as its encoding"
        ) from None


def _clean(text: str) -> str:
    """Remove what a page cannot show: control characters, and half surrogate pairs."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    return "".join(
        letter
        for letter in lines
        if letter == "\n" or unicodedata.category(letter) not in ("Cc", "Cs")
    )


def _cut(thing: Any) -> str:
    text = repr(thing)
    return text if len(text) <= 60 else f"{text[:60]}…"
