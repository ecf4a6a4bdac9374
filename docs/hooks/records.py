"""Tables of measured numbers, written from the records that the benchmarks leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["table"]

FOLDER = Path(__file__).parents[1] / "records"


def table(name: str) -> str:
    """Tabulate a record: a row for each contender, the median and the spread of each number."""
    record: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    rows = record["rows"]
    columns = list(next(iter(rows.values())))
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'--:|' * len(columns)}"]
    for contender, row in rows.items():
        cells = [_cell(row[column]) for column in columns]
        lines.append(f"| {contender} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"*{_origin(name, record)}*"])


def _cell(spread: dict[str, float]) -> str:
    low, middle, high = (_number(spread[key]) for key in ("min", "median", "max"))
    return f"{middle} ({low} to {high})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value < 10 else f"{value:.1f}"


def _origin(name: str, record: dict[str, Any]) -> str:
    machine, rounds = record["machine"], record["rounds"]
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    data = record["data"]
    return (
        f"Median (least to most) of {rounds} {'round' if rounds == 1 else 'rounds'}"
        f"{f' on {data}' if data else ''}, in turns, each in a process of its own; "
        f"ratios within each round, to the first row. {record['date']}, {machine['platform']}, "
        f"{machine['cpu']}, Python {machine['python']}, {versions}. "
        f"[The record](../records/{name}.json), made by `{record['command']}`."
    )
