"""Charts with two axes: learning curves, and what the variants cost against what they score."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cifarkit.tables import duration, percent
from writers import svg
from writers.studies import Curve, Study

__all__ = ["COSTS", "CURVES", "cost", "curves"]

CURVES = {
    "train_loss": "Train loss, by epoch",
    "val_loss": "Val loss, by epoch",
    "val_accuracy": "Val accuracy in %, by epoch",
}
COSTS = {
    "parameters": "Test accuracy in %, by parameters",
    "multiply_adds": "Test accuracy in %, by multiply-adds a picture",
    "seconds": "Test accuracy in %, by training time",
}
LEFT, NAMES = 44, 104  # room for the numbers of the vertical axis, and for names on the right
RIGHT, HEIGHT, AXIS = svg.WIDTH - NAMES - 14, 190, 22
INK = "currentColor"


def curves(study: Study, column: str) -> str:
    """Draw a column of the history: the mean over the seeds, and a band from least to most."""
    by = 100.0 if column.endswith("accuracy") else 1.0
    found = {name: study.curve(name, column).times(by) for name in study.variants}
    bounds = [value for curve in found.values() for value in (*curve.low, *curve.high)]
    last = max(2, *(curve.epochs[-1] for curve in found.values()))
    x = svg.linear(1, last, LEFT, RIGHT)
    y = svg.linear(min(bounds), max(bounds), HEIGHT, 0)
    shapes = [*_across(svg.round_numbers(1, last, 5), x, "{:g}".format), *_upwards(bounds, y)]
    ends = []
    for index, (name, curve) in enumerate(found.items()):
        shapes += _shapes(curve, x, y, svg.colour(index))
        ends.append((name, x(curve.epochs[-1]), y(curve.mean[-1]), svg.colour(index)))
    shapes += svg.end_labels(ends, svg.WIDTH - NAMES, HEIGHT)
    says = ", ".join(f"{name} {curve.mean[-1]:.2f}" for name, curve in found.items())
    return svg.chart(CURVES[column], shapes, HEIGHT + AXIS, f"At the end: {says}.")


def cost(rows: Mapping[str, Mapping[str, Any]], column: str) -> str:
    """Draw accuracies against what the variants cost, on an axis where each step is a factor.

    Args:
        rows: the row of each variant, from the record.
        column: which cost.
    """
    written = duration if column == "seconds" else _in_short
    shares = [row[key] for row in rows.values() for key in ("mean", "low", "high")]
    bounds = [100 * share for share in shares if share is not None]
    powers = [math.log10(row[column]) for row in rows.values()]
    x = svg.linear(min(powers) - 0.1, max(powers) + 0.1, LEFT + 6, RIGHT)
    y = svg.linear(min(bounds), max(bounds), HEIGHT, 0)
    shapes = [*_across(_steps(powers), x, lambda power: written(10**power)), *_upwards(bounds, y)]
    ends = []
    for index, (name, row) in enumerate(rows.items()):
        colour = svg.colour(index)
        at = x(math.log10(row[column])), y(100 * row["mean"])
        if row["low"] is not None:
            ends_of_interval = [(at[0], y(100 * row[key])) for key in ("low", "high")]
            shapes.append(svg.line(ends_of_interval, colour, 2))
        shapes.append(svg.circle(*at, colour, f"{name}: {percent(row['mean'])}", 5))
        ends.append((name, *at, colour))
    shapes += svg.end_labels(ends, svg.WIDTH - NAMES, HEIGHT)
    says = [f"{name} {percent(row['mean'])}, {written(row[column])}" for name, row in rows.items()]
    return svg.chart(COSTS[column], shapes, HEIGHT + AXIS, f"{'; '.join(says)}.")


def _shapes(curve: Curve, x: svg.Scale, y: svg.Scale, colour: str) -> Iterator[str]:
    lower, upper, mean = (
        [(x(epoch), y(value)) for epoch, value in zip(curve.epochs, values, strict=True)]
        for values in (curve.low, curve.high, curve.mean)
    )
    yield svg.area([*lower, *upper[::-1]], colour, 0.2)
    yield svg.line(mean, colour, 2)


def _across(
    numbers: Sequence[float], x: svg.Scale, written: Callable[[float], str]
) -> Iterator[str]:
    for number in numbers:
        yield svg.text(x(number), HEIGHT + 15, written(number), anchor="middle")


def _upwards(bounds: Sequence[float], y: svg.Scale) -> Iterator[str]:
    for number in svg.round_numbers(min(bounds), max(bounds)):
        yield svg.line([(LEFT, y(number)), (RIGHT, y(number))], INK, 1, 0.2)
        yield svg.text(LEFT - 6, y(number), f"{number:g}", anchor="end")


def _steps(powers: Sequence[float]) -> list[float]:
    """Return where an axis of powers of ten has numbers: at whole powers, if it has two of them."""
    low, high = min(powers), max(powers)
    whole = [float(power) for power in range(math.ceil(low - 0.1), math.floor(high + 0.1) + 1)]
    return whole if len(whole) > 1 else list(dict.fromkeys((low, high)))


def _in_short(number: float) -> str:
    """Write a large number as people do: 100 k, 1 M."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"
