"""The parts of a leaderboard, each as lines of text and as tables for a notebook."""

from __future__ import annotations

import textwrap
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from cifarkit.blocks import Block, Readable
from cifarkit.findings import wrapped
from cifarkit.tables import Table, printable
from cifarkit.verification.leaderboard_entry import LeaderboardEntry
from cifarkit.verification.verify import Verification

__all__ = ["Board", "Ranking", "Unranked", "describe_runs", "name_of", "unverified_part"]

WIDTH = 80
SHOWN = 5  # folders in one cell of the table; JSON has all


@dataclass(frozen=True)
class Ranking:
    """A ranking: a table, best row first, and lines below each row.

    Args:
        head: what is ranked, in a sentence.
        columns: the headings.
        align: `l` or `r` for each column.
        rows: the cells of each row, without its rank.
        details: for each row, what is said below it.
    """

    head: str
    columns: Sequence[str]
    align: str
    rows: Sequence[Sequence[str]]
    details: Sequence[Sequence[str]]

    def as_text(self) -> str:
        """Return lines for a terminal of 80 columns."""
        head, *rows = self._table(("#", *self.columns), self._ranked()).as_text().split("\n")
        lines = [*textwrap.wrap(self.head, WIDTH), head]
        for row, details in zip(rows, self.details, strict=True):
            lines += [row, *_indented(details)]
        return "\n".join(lines)

    def as_blocks(self) -> list[Block]:
        """Return the sentence, and a table in which the details are the last column."""
        rows = [
            line
            for row, details in zip(self._ranked(), self.details, strict=True)
            for line in _beside(row, details)
        ]
        return [self.head, self._table(("#", *self.columns, "runs"), rows)]

    def _ranked(self) -> list[tuple[str, ...]]:
        return [(str(rank), *row) for rank, row in enumerate(self.rows, start=1)]

    def _table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
        return Table(columns, rows, align=f"r{self.align}l")


@dataclass(frozen=True)
class Unranked:
    """What is not ranked, and why.

    Args:
        head: why none of these is ranked, in a few words.
        reasons: the name of each, and sentences about it.
    """

    head: str
    reasons: Sequence[tuple[str, Sequence[str]]]

    def as_text(self) -> str:
        """Return lines for a terminal of 80 columns."""
        lines = [f"{self.head}:"]
        for name, sentences in self.reasons:
            lines += [f"  {printable(name)}", *_indented(sentences)]
        return "\n".join(lines)

    def as_blocks(self) -> list[Block]:
        """Return a table of names and reasons."""
        rows = [line for name, sentences in self.reasons for line in _beside([name], sentences)]
        return [Table((self.head, "because"), rows, align="l")]


class Board(Readable):
    """Base of leaderboards: `str()` is a text of 80 columns, and a notebook shows tables."""

    @abstractmethod
    def parts(self) -> Sequence[Ranking | Unranked]:
        """Return the rankings, and then what is not ranked."""

    def blocks(self) -> Sequence[Block]:
        """Return tables: the rankings, and then what is not ranked."""
        return [block for part in self.parts() for block in part.as_blocks()]

    def __str__(self) -> str:
        return "\n\n".join(part.as_text() for part in self.parts()) or "no runs"

    __repr__ = __str__


def unverified_part(runs: Sequence[Verification]) -> list[Unranked]:
    """Return the part about runs that are not verified, if there are any."""
    reasons = [(str(run.folder), _failures(run)) for run in runs]
    return [Unranked("not verified, so not ranked", reasons)] if reasons else []


def name_of(entry: LeaderboardEntry) -> str:
    """Return the variant of an entry, with its owner if each folder is ranked separately."""
    return printable(", ".join(filter(None, (entry.variant, entry.owner))))


def describe_runs(entry: LeaderboardEntry) -> list[str]:
    """Return lines on the runs of an entry: their settings and folders, and their copies."""
    details = [f"with {entry.settings}"] if entry.settings else []
    details.append(", ".join(entry.runs))
    if entry.doubles:
        details.append(f"not counted (same seed, logits or weights): {_some(entry.doubles)}")
    if entry.same_logits:
        details.append(f"the same logits or weights are in {_some(entry.same_logits)}")
    return details


def _some(folders: Sequence[str]) -> str:
    shown = ", ".join(folders[:SHOWN])
    more = len(folders) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _failures(run: Verification) -> list[str]:
    return [f"{finding.check}: {finding.message}" for finding in run.failed]


def _beside(row: Sequence[str], texts: Sequence[str]) -> list[Sequence[str]]:
    """Return a row of a table with the first text beside it, and the others below that."""
    return [(*(row if index == 0 else ("",) * len(row)), text) for index, text in enumerate(texts)]


def _indented(texts: Sequence[str]) -> list[str]:
    indent = " " * 5
    return [line for text in texts for line in wrapped(text, WIDTH, indent, indent)]
