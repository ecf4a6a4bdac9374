"""The results of checks, and how they are printed."""

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
    """The result of a check.

    Args:
        check: the name of the check.
        outcome: `"not run"` where a check that it depends on has failed.
        message: what was found, in a sentence.
        hint: what to do about it; empty unless the check failed.

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
    rows = [(finding.check, finding.outcome, finding.message, finding.hint) for finding in findings]
    return Table(("check", "outcome", "found", "what to do"), rows, align="l")


def tabulated(findings: Sequence[Finding], width: int = WIDTH) -> list[str]:
    """Return findings as the lines of a table: check, outcome, sentence, and the hint below.

    Args:
        findings: the findings to show, in this order.
        width: the width of the lines, in characters.
    """
    widest = max((len(finding.check) for finding in findings), default=0)
    lines = []
    for finding in findings:
        head = f"{finding.check:<{widest}}  {finding.outcome:<7}  "
        indent = " " * len(head)
        lines += wrapped(finding.message, width, head, indent)
        if finding.hint:
            lines += wrapped(f"-> {finding.hint}", width, indent, f"{indent}   ")
    return lines


def wrapped(text: str, width: int, first: str, others: str) -> list[str]:
    """Return a text as lines that keep its line breaks and do not split paths and commands.

    Args:
        text: a text of any length.
        width: the width of the lines, in characters.
        first: the beginning of the first line.
        others: the beginning of all other lines.

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
