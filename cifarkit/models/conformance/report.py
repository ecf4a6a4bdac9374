"""What a conformance check found."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["ConformanceReport", "Finding", "Outcome", "tabulated", "wrapped"]

Outcome = Literal["passed", "failed", "not run"]
WIDTH = 100


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Args:
        check: the name of the check.
        outcome: `"not run"` where another failed that it builds on.
        found: a sentence.
        cure: what to do about it; empty unless it failed.

    >>> Finding("batch of one", "passed", "a single picture gives logits 1 classes").outcome
    'passed'
    """

    check: str
    outcome: Outcome
    found: str
    cure: str = ""


@dataclass(frozen=True)
class ConformanceReport:
    """All that was found about a builder; `str()` is a table.

    Args:
        name: of the variant, or of the builder.
        source: file and line of the builder.
        findings: one for each check, in the order in which they were made.

    >>> cure = "return the network"
    >>> print(ConformanceReport("mine", "my.py:3", (Finding("builds", "failed", "None", cure),)))
    'mine' (my.py:3) breaks the contract of a model: builds
    builds  failed   None
                     -> return the network
    """

    name: str
    source: str
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that failed."""
        return tuple(one.check for one in self.findings if one.outcome == "failed")

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON types."""
        return {**asdict(self), "findings": [asdict(one) for one in self.findings]}

    def __str__(self) -> str:
        head = f"{self.name!r} ({self.source}) {self._verdict()}"
        return "\n".join([head, *tabulated(self.findings)])

    def _verdict(self) -> str:
        if self.failed:
            return f"breaks the contract of a model: {', '.join(self.failed)}"
        return "keeps the contract of a model"


def tabulated(findings: Sequence[Finding], width: int = WIDTH) -> list[str]:
    """Return findings as the lines of a table: check, outcome, sentence, and the cure below.

    Args:
        findings: to be shown, in this order.
        width: of the lines, in characters.
    """
    widest = max((len(one.check) for one in findings), default=0)
    lines = []
    for one in findings:
        head = f"{one.check:<{widest}}  {one.outcome:<7}  "
        indent = " " * len(head)
        lines += wrapped(one.found, width, head, indent)
        if one.cure:
            lines += wrapped(f"-> {one.cure}", width, indent, f"{indent}   ")
    return lines


def wrapped(text: str, width: int, first: str, others: str) -> list[str]:
    """Return a text as lines, in which paths and commands stay whole.

    Args:
        text: of any length.
        width: of the lines, in characters.
        first: what the first line begins with.
        others: what the others begin with.

    >>> wrapped("run this-command", 8, "", "  ")
    ['run', '  this-command']
    """
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
        break_long_words=False,
    )
