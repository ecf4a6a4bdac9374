"""Tables as text, HTML, Markdown and LaTeX, and one format for each quantity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = [
    "Table",
    "duration",
    "in_latex",
    "in_markdown",
    "p_value",
    "percent",
    "printable",
]

GAP = "  "


def percent(share: float) -> str:
    """Return a share in [0, 1], such as an accuracy, in per cent.

    >>> percent(0.8563)
    '85.6 %'
    """
    return f"{100 * share:.1f} %"


def duration(seconds: float) -> str:
    """Return a duration as people say it.

    >>> duration(40), duration(200), duration(9000)
    ('40 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def p_value(p: float) -> str:
    """Return a p-value as papers print it, without the 0 before the point.

    >>> p_value(0.0625), p_value(1.0), p_value(0.0002)
    ('.0625', '1', '< .001')
    """
    return "< .001" if p < 0.001 else f"{p:.3g}".removeprefix("0")


@dataclass(frozen=True)
class Table:
    """A table whose cells are text already; numbers are aligned to the right.

    Args:
        headings: one heading for each column; empty for a table without headings.
        rows: from top to bottom.
        total: the last row, below a line; empty for none.
        align: `l` or `r` for each column, as in LaTeX; the last letter is for all later columns.
        ranks: a rank for each column. If a line is too long, the column with the highest rank is
            left out first; a column of rank 0 always stays.
        widths: the least width of each column in text, so that rows shown one by one line up.

    >>> print(Table(("model", "n"), [("mlp", "10"), ("wide", "5")]).as_text())
    model   n
    mlp    10
    wide    5
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: Sequence[str] = ()
    align: str = "lr"
    ranks: Sequence[int] = ()
    widths: Sequence[int] = ()

    def as_text(self, width: int | None = None) -> str:
        """Return lines in columns, with a rule above a total.

        Args:
            width: the width of the lines, in characters; None for any width.
        """
        every = [row for row in (self.headings, *self.rows, self.total) if row]
        widths = [max(map(len, column)) for column in zip(*every, strict=True)]
        widths = list(map(max, widths, self.widths or widths))
        shown = self._shown(widths, width)
        lines = [
            GAP.join(
                row[i].ljust(widths[i]) if self._is_left(i) else row[i].rjust(widths[i])
                for i in shown
            ).rstrip()
            for row in every
        ]
        if self.total:
            rule = "-" * (sum(widths[i] for i in shown) + len(GAP) * (len(shown) - 1))
            lines = [lines[0], rule, *lines[1:-1], rule, lines[-1]]
        return "\n".join(lines)

    def as_html(self) -> str:
        """Return a table element with all its text escaped."""
        head = self._cells("th", self.headings)
        rows = [self._cells("td", row) for row in self.rows]
        rows += [self._cells("th", self.total)] if self.total else []
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"

    def as_markdown(self) -> str:
        """Return a table whose columns are separated by pipes."""
        rule = ["---" if self._is_left(i) else "---:" for i in range(len(self.headings))]
        rows = [[in_markdown(cell) for cell in row] for row in self.rows]
        return "\n".join(f"| {' | '.join(row)} |" for row in [self.headings, rule, *rows])

    def as_latex(self) -> str:
        """Return a table with the rules of the package booktabs."""
        sides = "".join("l" if self._is_left(i) else "r" for i in range(len(self.headings)))
        head, *rows = (
            " & ".join(map(in_latex, row)) + r" \\" for row in [self.headings, *self.rows]
        )
        begin = [rf"\begin{{tabular}}{{{sides}}}", r"\toprule", head, r"\midrule"]
        return "\n".join([*begin, *rows, r"\bottomrule", r"\end{tabular}", ""])

    def _is_left(self, column: int) -> bool:
        return self.align[min(column, len(self.align) - 1)] == "l"

    def _shown(self, widths: Sequence[int], width: int | None) -> list[int]:
        shown = list(range(len(widths)))
        while self.ranks and width is not None:
            wide = sum(widths[i] + len(GAP) for i in shown) - len(GAP) > width
            last = max(shown, key=lambda i: self.ranks[i])
            if not wide or not self.ranks[last]:
                break
            shown.remove(last)
        return shown

    def _cells(self, tag: str, row: Sequence[str]) -> str:
        return "".join(
            f'<{tag} style="text-align: {"left" if self._is_left(i) else "right"}">'
            f"{escape(cell, quote=False)}</{tag}>"
            for i, cell in enumerate(row)
        )


def in_latex(text: str) -> str:
    """Return text escaped for LaTeX; special characters that have no escape become spaces."""
    plain = "".join(" " if character in "\\^~{}\n" else character for character in text)
    for character in "&%_#$":
        plain = plain.replace(character, f"\\{character}")
    return plain


def in_markdown(text: str) -> str:
    r"""Return text escaped for Markdown: no HTML, no links, and in one line.

    >>> in_markdown("<b>mine</b> | p < .05")
    '&lt;b&gt;mine&lt;/b&gt; \\| p &lt; .05'
    """
    plain = escape(" ".join(text.split()), quote=False)
    for character in "|[`":
        plain = plain.replace(character, f"\\{character}")
    return plain


def printable(text: object) -> str:
    r"""Return text with codes for characters that control a terminal or the direction of text.

    Names of folders and texts in records may come from strangers.

    >>> printable("runs/a" + chr(27) + "[2J")
    'runs/a\\x1b[2J'
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in str(text)
    )
