"""A leaderboard to be read: as lines of text, and as tables for a notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from cifarkit.tables import Block, Table, percent, printable
from cifarkit.verification.standing import Standing
from cifarkit.verification.verify import Verification

__all__ = ["as_blocks", "as_text"]

WIDTH = 80
SHOWN = 5  # folders in one place of the table; JSON has all


def as_text(groups: Iterable[Sequence[Standing]], unverified: Sequence[Verification]) -> str:
    """Return all standings for a terminal of 80 columns.

    Args:
        groups: the standings of each data source.
        unverified: what was not ranked.
    """
    parts = [_table(group) for group in groups]
    if unverified:
        lines = [line for one in unverified for line in _reasons(one)]
        parts.append("\n".join(["not verified, so not ranked:", *lines]))
    return "\n\n".join(parts) or "no runs"


def as_blocks(
    groups: Iterable[Sequence[Standing]], unverified: Sequence[Verification]
) -> Sequence[Block]:
    """Return a table for each data source, and what was not verified.

    Args:
        groups: the standings of each data source.
        unverified: what was not ranked.
    """
    ranked = [part for group in groups for part in _blocks(group)]
    if not unverified:
        return ranked
    rows = [
        (str(one.folder), "; ".join(f"{it.check}: {it.found}" for it in one.failed))
        for one in unverified
    ]
    return [*ranked, Table(("not verified, so not ranked", "because"), rows, words=2)]


def _head(group: Sequence[Standing]) -> str:
    first = group[0]
    return (
        f"test accuracy on {first.data} (n = {first.n:,}, {first.fingerprint[:12]}), ranked by the "
        "lower end of the 95 % interval: t, of the mean over seeds; below these Wilson, of single "
        "runs"
    )


def _blocks(group: Sequence[Standing]) -> list[Block]:
    rows = [
        (
            str(rank),
            ", ".join(filter(None, (one.variant, one.owner, one.settings))),
            ", ".join(one.runs),
            percent(one.accuracy),
            str(one.interval),
            one.interval_of,
            str(one.seeds),
        )
        for rank, one in enumerate(group, start=1)
    ]
    names = ("#", "variant", "runs", "accuracy", "95 % interval", "of", "seeds")
    return [_head(group), Table(names, rows, words=3)]


def _table(group: Sequence[Standing]) -> str:
    lines = textwrap.wrap(_head(group), WIDTH)
    lines.append(f"{'#':>3}  {'accuracy':>9}  {'95 % interval':<16}  {'of':<6}  seeds  variant")
    for rank, one in enumerate(group, start=1):
        row = f"{rank:>3}  {percent(one.accuracy):>9}  {one.interval!s:<16}  {one.interval_of:<6}"
        owner = f", {one.owner}" if one.owner else ""
        lines.append(f"{row}  {one.seeds:>5}  {one.variant}{owner}")
        if one.settings:
            lines += _indented(f"with {one.settings}")
        lines += _indented(", ".join(one.runs))
        if one.doubles:
            lines += _indented(f"not counted, seed or logits are there: {_some(one.doubles)}")
        if one.same_logits:
            lines += _indented(f"the same logits are in {_some(one.same_logits)}")
    return "\n".join(lines)


def _some(folders: Sequence[str]) -> str:
    shown = ", ".join(folders[:SHOWN])
    more = len(folders) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _reasons(one: Verification) -> list[str]:
    reasons = [f"{finding.check}: {finding.found}" for finding in one.failed]
    return [
        f"  {printable(one.folder)}",
        *(line for reason in reasons for line in _indented(reason)),
    ]


def _indented(text: str) -> list[str]:
    indent = " " * 5
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
