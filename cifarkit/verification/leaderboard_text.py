"""A leaderboard as lines of text, and as tables for a notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from cifarkit.blocks import Block
from cifarkit.findings import wrapped
from cifarkit.tables import Table, percent, printable
from cifarkit.verification.leaderboard_entry import LeaderboardEntry
from cifarkit.verification.verify import Verification

__all__ = ["as_blocks", "as_text"]

COLUMNS = ("#", "accuracy", "95 % interval", "of", "seeds", "variant")
ALIGN = "rrllrl"
WIDTH = 80
SHOWN = 5  # folders in one cell of the table; JSON has all


def as_text(
    groups: Iterable[Sequence[LeaderboardEntry]], unverified: Sequence[Verification]
) -> str:
    """Return all entries for a terminal of 80 columns.

    Args:
        groups: the entries of each data source, best first.
        unverified: the runs that are not ranked.
    """
    parts = [_ranking(group) for group in groups]
    if unverified:
        lines = [line for run in unverified for line in _reasons(run)]
        parts.append("\n".join(["not verified, so not ranked:", *lines]))
    return "\n\n".join(parts) or "no runs"


def as_blocks(
    groups: Iterable[Sequence[LeaderboardEntry]], unverified: Sequence[Verification]
) -> list[Block]:
    """Return a table for each data source, and one of the runs that are not verified.

    Args:
        groups: the entries of each data source, best first.
        unverified: the runs that are not ranked.
    """
    blocks: list[Block] = []
    for group in groups:
        rows = [
            line
            for row, entry in zip(_rows(group), group, strict=True)
            for line in _beside(row, _details(entry))
        ]
        blocks += [_head(group), Table((*COLUMNS, "runs"), rows, align=ALIGN)]
    if unverified:
        reasons = [
            line for run in unverified for line in _beside([str(run.folder)], _failures(run))
        ]
        blocks.append(Table(("not verified, so not ranked", "because"), reasons, align="l"))
    return blocks


def _beside(row: Sequence[str], texts: Sequence[str]) -> list[Sequence[str]]:
    """Return a row of a table with the first text beside it, and the others below that."""
    return [(*(row if index == 0 else ("",) * len(row)), text) for index, text in enumerate(texts)]


def _head(group: Sequence[LeaderboardEntry]) -> str:
    first = group[0]
    return (
        f"Test accuracy on {first.data} (n = {first.n:,}, {first.fingerprint[:12]}), ranked by the "
        "lower end of the 95 % interval. It is a t-interval of the mean over seeds. Single runs "
        "stand below these, with Wilson's interval."
    )


def _rows(group: Sequence[LeaderboardEntry]) -> list[Sequence[str]]:
    return [
        (
            str(rank),
            percent(entry.accuracy),
            str(entry.interval),
            entry.interval_of,
            str(entry.seeds),
            printable(", ".join(filter(None, (entry.variant, entry.owner)))),
        )
        for rank, entry in enumerate(group, start=1)
    ]


def _details(entry: LeaderboardEntry) -> list[str]:
    """Return the lines below a row."""
    details = [f"with {entry.settings}"] if entry.settings else []
    details.append(", ".join(entry.runs))
    if entry.doubles:
        details.append(f"not counted (same seed, logits or weights): {_some(entry.doubles)}")
    if entry.same_logits:
        details.append(f"the same logits or weights are in {_some(entry.same_logits)}")
    return details


def _ranking(group: Sequence[LeaderboardEntry]) -> str:
    head, *rows = Table(COLUMNS, _rows(group), align=ALIGN).as_text().split("\n")
    lines = [*textwrap.wrap(_head(group), WIDTH), head]
    for row, entry in zip(rows, group, strict=True):
        lines += [row, *_indented(_details(entry))]
    return "\n".join(lines)


def _some(folders: Sequence[str]) -> str:
    shown = ", ".join(folders[:SHOWN])
    more = len(folders) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _reasons(run: Verification) -> list[str]:
    return [f"  {printable(run.folder)}", *_indented(_failures(run))]


def _failures(run: Verification) -> list[str]:
    return [f"{finding.check}: {finding.message}" for finding in run.failed]


def _indented(texts: Sequence[str]) -> list[str]:
    indent = " " * 5
    return [line for text in texts for line in wrapped(text, WIDTH, indent, indent)]
