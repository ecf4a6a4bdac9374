"""Tables of measured numbers, written from the records that benchmarks and comparisons leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["accuracies", "comparison", "conditions", "number", "read", "table"]

FOLDER = Path(__file__).parents[1] / "records"


def read(name: str) -> dict[str, Any]:
    """Return the record of this name."""
    record: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return record


def table(name: str) -> str:
    """Tabulate a record: a row for each contender, the median and the spread of each number."""
    record = read(name)
    rows = record["rows"]
    columns = list(next(iter(rows.values())))
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'--:|' * len(columns)}"]
    for contender, row in rows.items():
        cells = [_cell(row[column]) for column in columns]
        lines.append(f"| {contender} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"*{_origin(name, record)}*"])


def comparison(name: str) -> str:
    """Return a recorded comparison as cifarkit itself writes it, with its date."""
    runs = _comparison(name)["runs"]
    days = sorted({run["started"][:10] for run in runs})
    origin = (
        f"*{len(runs)} runs on {conditions(name)}, trained "
        f"{' to '.join(dict.fromkeys((days[0], days[-1])))}. "
        f"[The record](records/{name}/comparison.json), made by "
        "`python tests/benchmarks/studies.py`.*"
    )
    written = (FOLDER / name / "comparison.md").read_text(encoding="utf-8")
    return f"{written.rstrip()}\n\n{origin}"


def accuracies(name: str) -> dict[str, str]:
    """Return what each variant scored in a recorded comparison: mean and interval, in per cent."""
    return {
        row["name"]: f"{100 * row['mean']:.1f}<br>{100 * row['low']:.1f} to {100 * row['high']:.1f}"
        for row in _comparison(name)["variants"]
    }


def conditions(name: str) -> str:
    """Return under which conditions a comparison was recorded, in a phrase."""
    document = _comparison(name)
    data, seeds = document["data"], {run["seed"] for run in document["runs"]}
    epochs = sorted({recipe["epochs"] for recipe in document["recipes"].values()})
    environments = [run["environment"] for run in document["runs"]]
    processors = sorted({found["cpu"] for found in environments})
    torch = sorted({found["versions"]["torch"] for found in environments})
    return (
        f"{data['name']}, {data['test']:,} test images, {' or '.join(map(str, epochs))} epochs, "
        f"{len(seeds)} seeds, {' or '.join(processors)}, torch {' or '.join(torch)}"
    )


def _comparison(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name / "comparison.json").read_text("utf-8"))
    return found


def _cell(spread: dict[str, float]) -> str:
    low, middle, high = (number(spread[key]) for key in ("min", "median", "max"))
    return f"{middle} ({low} to {high})"


def number(value: float) -> str:
    """Return a measured number with about three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value < 10 else f"{value:.1f}"


def _origin(name: str, record: dict[str, Any]) -> str:
    machine, rounds = record["machine"], record["rounds"]
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    data = record["data"]
    turns = "each in a process of its own"
    if len(record["rows"]) > 1:
        turns = f"in turns, {turns}; ratios within each round, to the first row"
    return (
        f"Median (least to most) of {rounds} {'round' if rounds == 1 else 'rounds'}"
        f"{f' on {data}' if data else ''}, {turns}. {record['date']}, {machine['platform']}, "
        f"{machine['cpu']}, Python {machine['python']}, {versions}. "
        f"[The record](../records/{name}.json), made by `{record['command']}`."
    )
