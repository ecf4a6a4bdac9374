"""What checks found, and how it is printed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cifarkit.renamed import RenamedAttribute
from cifarkit.tables import Table

__all__ = ["Finding", "Result", "table_of", "tabulated", "wrapped"]

Result = Literal["passed", "failed", "not run"]
WIDTH = 100


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Args:
        check: the name of the check.
        outcome: `"not run"` where another failed that it builds on.
        message: what was found, a sentence.
        hint: what to do about it; empty unless it failed.

    >>> Finding("batch of one", "passed", "a single picture gives logits 1 classes").outcome
    'passed'
    """

    check: str
    outcome: Result
    message: str
    hint: str = ""

    found = RenamedAttribute("message")
    cure = RenamedAttribute("hint")


def table_of(findings: Sequence[Finding]) -> Table:
    """Return findings as a table: check, outcome, sentence, and what to do."""
    rows = [(one.check, one.outcome, one.message, one.hint) for one in findings]
    return Table(("check", "outcome", "found", "what to do"), rows, align="l")


def tabulated(findings: Sequence[Finding], width: int = WIDTH) -> list[str]:
    """Return findings as the lines of a table: check, outcome, sentence, and the hint below.

    Args:
        findings: to be shown, in this order.
        width: of the lines, in characters.
    """
    widest = max((len(one.check) for one in findings), default=0)
    lines = []
    for one in findings:
        head = f"{one.check:<{widest}}  {one.outcome:<7}  "
        indent = " " * len(head)
        lines += wrapped(one.message, width, head, indent)
        if one.hint:
            lines += wrapped(f"-> {one.hint}", width, indent, f"{indent}   ")
    return lines


def wrapped(text: str, width: int, first: str, others: str) -> list[str]:
    """Return a text as lines, in which its own lines, paths and commands stay whole.

    Args:
        text: of any length.
        width: of the lines, in characters.
        first: what the first line begins with.
        others: what the others begin with.

    >>> wrapped("run this-command", 8, "", "  ")
    ['run', '  this-command']
    """
    lines: list[str] = []
    for line in text.splitlines():
        lines += textwrap.wrap(
            line,
            width,
            initial_indent=others if lines else first,
            subsequent_indent=others,
            break_on_hyphens=False,
            break_long_words=False,
        )
    return lines
