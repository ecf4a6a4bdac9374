"""What a conformance check found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cifarkit.blocks import as_html
from cifarkit.findings import Finding, table_of, tabulated

__all__ = ["ConformanceReport"]


@dataclass(frozen=True, repr=False)
class ConformanceReport:
    """The findings about a builder; `str()` is a table.

    Args:
        name: the name of the variant, or of the builder.
        source: file and line of the builder.
        findings: one for each check, in the order in which they were made.

    >>> hint = "return the network"
    >>> print(ConformanceReport("mine", "my.py:3", (Finding("builds", "failed", "None", hint),)))
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
        return tuple(finding.check for finding in self.findings if finding.outcome == "failed")

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        return {**asdict(self), "findings": [asdict(finding) for finding in self.findings]}

    def __str__(self) -> str:
        return "\n".join([self._head(), *tabulated(self.findings)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self._head(), table_of(self.findings))

    def _head(self) -> str:
        return f"{self.name!r} ({self.source}) {self._verdict()}"

    def _verdict(self) -> str:
        if self.failed:
            return f"breaks the contract of a model: {', '.join(self.failed)}"
        return "keeps the contract of a model"
