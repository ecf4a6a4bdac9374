"""Charts with a dot for each seed: the accuracies of variants, and the differences of pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from cifarkit.tables import percent
from writers import svg
from writers.studies import Study

__all__ = ["accuracies", "differences"]

NAME, DOTS = svg.LETTERS, 30  # the heights of a row's name, and of the dots below it
AXIS = 22
INK = "currentColor"


class Row(NamedTuple):
    """A row of a chart: values by seed, their mean and its interval, all in per cent."""

    name: str
    values: dict[int, float]
    mean: float
    interval: Sequence[float]  # low and high; empty for a single seed
    colour: str


def accuracies(study: Study) -> str:
    """Draw a row for each variant: a dot for each run, the mean and its 95 % interval."""
    rows = [
        _row(name, study.scores[name], row["mean"], (row["low"], row["high"]), svg.colour(number))
        for number, (name, row) in enumerate(study.variants.items())
    ]
    says = ", ".join(f"{name} {percent(row['mean'])}" for name, row in study.variants.items())
    title = "Test accuracy in %: runs, mean, 95 % interval"
    return _chart(title, rows, "{:.1f}".format, f"Means: {says}.")


def differences(study: Study) -> str:
    """Draw a row for each pair: a dot for each seed, the mean difference and its interval."""
    rows = []
    for pair in study.pairs:
        a, b = study.scores[pair["a"]], study.scores[pair["b"]]
        by_seed = {seed: a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())}
        name, interval = f"{pair['a']} - {pair['b']}", pair["interval"] or ()
        rows.append(_row(name, by_seed, pair["difference"], interval, svg.colour(0)))
    says = ", ".join(f"{row.name} {row.mean:+.1f}" for row in rows)
    title = "Difference in points: seeds, mean, 95 % interval"
    return _chart(title, rows, "{:+.1f}".format, f"Means: {says}.")


def _row(
    name: str,
    shares: dict[int, float],
    mean: float,
    interval: Sequence[float | None],
    colour: str,
) -> Row:
    values = {seed: 100 * share for seed, share in shares.items()}
    bounds = [100 * share for share in interval if share is not None]
    return Row(name, values, 100 * mean, bounds, colour)


def _chart(title: str, rows: Sequence[Row], written: Callable[[float], str], says: str) -> str:
    every = [value for row in rows for value in (*row.values.values(), *row.interval)]
    x = svg.linear(min(every), max(every), 10, svg.WIDTH - 10)
    height = (NAME + DOTS) * len(rows)
    shapes = []
    for number in svg.round_numbers(min(every), max(every)):
        at = x(number)
        shapes.append(svg.line([(at, 0), (at, height)], INK, 1, 0.2 if number else 1))
        shapes.append(svg.text(at, height + 13, f"{number:g}", anchor="middle"))
    for index, row in enumerate(rows):
        shapes += _shapes(row, (NAME + DOTS) * index, x, written)
    return svg.chart(title, shapes, height + AXIS, says)


def _shapes(row: Row, top: float, x: svg.Scale, written: Callable[[float], str]) -> Iterator[str]:
    yield svg.text(0, top + 7, row.name, more=' class="on-line"')
    yield svg.text(svg.WIDTH, top + 7, written(row.mean), anchor="end", more=' class="on-line"')
    across = top + NAME + DOTS / 2 - 2
    if row.interval:
        yield svg.line([(x(bound), across) for bound in row.interval], row.colour, 8, 0.35)
    yield svg.line([(x(row.mean), across - 9), (x(row.mean), across + 9)], INK, 2)
    for seed, value in row.values.items():
        yield svg.circle(x(value), across, row.colour, f"seed {seed}: {written(value)}")
