"""A leaderboard to be read: as lines of text, and as tables for a notebook."""

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
SHOWN = 5  # folders in one place of the table; JSON has all


def as_text(
    groups: Iterable[Sequence[LeaderboardEntry]], unverified: Sequence[Verification]
) -> str:
    """Return all standings for a terminal of 80 columns.

    Args:
        groups: the standings of each data source, best first.
        unverified: what is not ranked.
    """
    parts = [_ranking(group) for group in groups]
    if unverified:
        lines = [line for one in unverified for line in _reasons(one)]
        parts.append("\n".join(["not verified, so not ranked:", *lines]))
    return "\n\n".join(parts) or "no runs"


def as_blocks(
    groups: Iterable[Sequence[LeaderboardEntry]], unverified: Sequence[Verification]
) -> list[Block]:
    """Return a table for each data source, and what was not verified.

    Args:
        groups: the standings of each data source, best first.
        unverified: what is not ranked.
    """
    blocks: list[Block] = []
    for group in groups:
        rows = [
            (*row, "; ".join(_details(one))) for row, one in zip(_rows(group), group, strict=True)
        ]
        blocks += [_head(group), Table((*COLUMNS, "runs"), rows, align=ALIGN)]
    if unverified:
        reasons = [
            (str(one.folder), "; ".join(f"{it.check}: {it.message}" for it in one.failed))
            for one in unverified
        ]
        blocks.append(Table(("not verified, so not ranked", "because"), reasons, align="l"))
    return blocks


def _head(group: Sequence[LeaderboardEntry]) -> str:
    first = group[0]
    return (
        f"test accuracy on {first.data} (n = {first.n:,}, {first.fingerprint[:12]}), ranked by the "
        "lower end of the 95 % interval: t, of the mean over seeds; below these Wilson, of single "
        "runs"
    )


def _rows(group: Sequence[LeaderboardEntry]) -> list[Sequence[str]]:
    return [
        (
            str(rank),
            percent(one.accuracy),
            str(one.interval),
            one.interval_of,
            str(one.seeds),
            printable(", ".join(filter(None, (one.variant, one.owner)))),
        )
        for rank, one in enumerate(group, start=1)
    ]


def _details(one: LeaderboardEntry) -> list[str]:
    """Return what stands below a row."""
    details = [f"with {one.settings}"] if one.settings else []
    details.append(", ".join(one.runs))
    if one.doubles:
        details.append(f"not counted, seed or logits are there: {_some(one.doubles)}")
    if one.same_logits:
        details.append(f"the same logits are in {_some(one.same_logits)}")
    return details


def _ranking(group: Sequence[LeaderboardEntry]) -> str:
    head, *rows = Table(COLUMNS, _rows(group), align=ALIGN).as_text().split("\n")
    lines = [*textwrap.wrap(_head(group), WIDTH), head]
    for row, one in zip(rows, group, strict=True):
        lines += [row, *_indented(_details(one))]
    return "\n".join(lines)


def _some(folders: Sequence[str]) -> str:
    shown = ", ".join(folders[:SHOWN])
    more = len(folders) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _reasons(one: Verification) -> list[str]:
    reasons = [f"{finding.check}: {finding.message}" for finding in one.failed]
    return [f"  {printable(one.folder)}", *_indented(reasons)]


def _indented(texts: Sequence[str]) -> list[str]:
    indent = " " * 5
    return [line for text in texts for line in wrapped(text, WIDTH, indent, indent)]
