"""Confusion matrices over all seeds of a variant; only mistakes have a colour."""

from __future__ import annotations

from html import escape

from cifarkit.tables import percent
from writers import svg
from writers.studies import Study

__all__ = ["confusion"]

REDDEST = 0.5  # opacity of the most frequent mistake of the study; letters on it stay readable
GREY = 0.12


def confusion(study: Study, variant: str) -> str:
    """Draw which share of each class (row) was given each label (column), in per cent."""
    names, shares = study.classes, study.shares(variant)
    left = 8 + 0.56 * svg.LETTERS * max(map(len, names))
    size = (svg.WIDTH - left) / len(names)
    below = size * len(names) + 8
    most = max(_most_frequent_mistake(study.shares(name)) for name in study.variants)
    shapes = []
    for row, name in enumerate(names):
        middle = size * (row + 0.5)
        at = left + middle, below
        turned = f' transform="rotate(-90 {at[0]:.1f} {at[1]:.1f})"'
        shapes.append(svg.text(left - 6, middle, name, anchor="end"))
        shapes.append(svg.text(*at, name, anchor="end", more=turned))
        for column, share in enumerate(shares[row]):
            corner = left + size * column, size * row
            says = f"{name} called {names[column]}: {percent(share)}"
            is_right = row == column
            field = _right(corner, size) if is_right else _wrong(corner, size, share / most)
            number = _number(corner, size, share, is_bold=is_right)
            shapes.append(f"<g><title>{escape(says)}</title>{field}{number}</g>")
    right = ", ".join(f"{name} {percent(shares[row][row])}" for row, name in enumerate(names))
    title = f"{variant}: what each class is called, in %"
    return svg.chart(title, shapes, below + left, f"Called right: {right}.")


def _most_frequent_mistake(shares: list[list[float]]) -> float:
    return max(
        share for row, of_row in enumerate(shares) for at, share in enumerate(of_row) if at != row
    )


def _right(corner: tuple[float, float], size: float) -> str:
    return svg.square(corner, size - 1, "currentColor", GREY)


def _wrong(corner: tuple[float, float], size: float, strength: float) -> str:
    return svg.square(corner, size - 1, svg.colour(2), REDDEST * strength)


def _number(corner: tuple[float, float], size: float, share: float, *, is_bold: bool) -> str:
    """Write a share; one that rounds to 0 is left out."""
    words, weight = f"{100 * share:.0f}", ' font-weight="bold"' if is_bold else ""
    middle = corner[0] + size / 2, corner[1] + size / 2
    return "" if words == "0" else svg.text(*middle, words, anchor="middle", more=weight)
