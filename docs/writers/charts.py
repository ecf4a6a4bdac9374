"""Bar charts of measured numbers, drawn from the records in the colours of the page."""

from __future__ import annotations

from html import escape
from typing import Any

from writers import records

__all__ = ["chart"]

WIDTH, ROW, LETTERS = 400, 40, 13  # units of the picture; a phone shows it at four fifths
BAR, WHISKER = "var(--md-primary-fg-color--light)", "currentColor"


def chart(name: str) -> str:
    """Draw the first number of each row of a record: its median as a bar, its range as a line."""
    record = records.read(name)
    column, *_ = next(iter(record["rows"].values()))
    spreads = {contender: row[column] for contender, row in record["rows"].items()}
    scale = WIDTH / max(spread["max"] for spread in spreads.values())
    rows = [
        _row(ROW * number, contender, spread, scale)
        for number, (contender, spread) in enumerate(spreads.items())
    ]
    medians = "; ".join(
        f"{contender} {records.number(spread['median'])}" for contender, spread in spreads.items()
    )
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {ROW * len(rows)}" role="img" '
        f'style="display: block; max-width: 24rem" '
        f'aria-label="{escape(f"{column}, medians: {medians}")}">{"".join(rows)}</svg>\n\n'
        f"*{_caption(column, record)}*"
    )


def _row(top: int, contender: str, spread: dict[str, float], scale: float) -> str:
    """Draw a name, the number at the end of its line, and below them the bar with its range."""
    low, middle, high = (scale * spread[key] for key in ("min", "median", "max"))
    text = f'y="{top + 12}" font-size="{LETTERS}" fill="currentColor"'
    across = top + 23
    return (
        f"<text {text}>{escape(contender)}</text>"
        f'<text {text} x="{WIDTH}" text-anchor="end">{records.number(spread["median"])}</text>'
        f'<rect y="{top + 17}" width="{middle:.1f}" height="12" style="fill: {BAR}" />'
        f'<path d="M {low:.1f} {across} H {high:.1f} M {low:.1f} {across - 3} v 6 '
        f'M {high:.1f} {across - 3} v 6" fill="none" stroke="{WHISKER}" />'
    )


def _caption(column: str, record: dict[str, Any]) -> str:
    machine, data = record["machine"], record["data"]
    return (
        f"{column}: median (bar), least to most (line), of {record['rounds']} rounds"
        f"{f' on {data}' if data else ''}. {record['date']}, {machine['cpu']}, "
        f"torch {machine['versions']['torch']}. [All numbers](../reference/benchmarks.md)."
    )
