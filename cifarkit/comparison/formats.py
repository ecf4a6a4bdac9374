"""A comparison as a document: terminal, Markdown, LaTeX, CSV, JSON."""

from __future__ import annotations

import csv
import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cifarkit.comparison.wording import (
    PAIR_COLUMNS,
    VARIANT_COLUMNS,
    Rows,
    changes,
    heading,
    limitations,
    notes,
    pair_rows,
    variant_rows,
)

if TYPE_CHECKING:
    from cifarkit.comparison.comparison import Comparison

__all__ = ["as_csv", "as_json", "as_latex", "as_markdown", "as_text"]

WIDTH = 80


def as_text(comparison: Comparison) -> str:
    """Return the whole comparison for a terminal of 80 columns."""
    parts = [
        _filled(heading(comparison)),
        _aligned(VARIANT_COLUMNS, variant_rows(comparison)),
        "\n".join(_filled(note) for note in notes(comparison)),
    ]
    if comparison.pairs:
        parts.append(_aligned(PAIR_COLUMNS, pair_rows(comparison)))
        verdicts = zip(comparison.pairs, comparison.verdicts, strict=True)
        parts.append(
            "What may be said\n"
            + "\n".join(
                f"- {_filled(f'changed from {p.b} to {p.a}: {changes(p)}.', 2)[2:]}\n"
                + _filled(verdict.text, 2)
                for p, verdict in verdicts
            )
        )
    parts.append(
        "What this does not show\n"
        + "\n".join(f"- {_filled(one, 2)[2:]}" for one in limitations(comparison))
    )
    return "\n\n".join(parts)


def as_markdown(comparison: Comparison) -> str:
    """Return the whole comparison as Markdown."""
    parts = [heading(comparison), _piped(list(VARIANT_COLUMNS), variant_rows(comparison))]
    parts += list(notes(comparison))
    if comparison.pairs:
        parts.append(_piped(list(PAIR_COLUMNS), pair_rows(comparison)))
        verdicts = zip(comparison.pairs, comparison.verdicts, strict=True)
        parts.append(
            "\n".join(
                f"- {verdict.text} Changed from {pair.b} to {pair.a}: {changes(pair)}."
                for pair, verdict in verdicts
            )
        )
    parts.append("What this does not show:")
    parts.append("\n".join(f"- {one}" for one in limitations(comparison)))
    return "\n\n".join(parts) + "\n"


def as_latex(comparison: Comparison) -> str:
    """Return the table of variants for LaTeX with booktabs."""
    rows = [list(VARIANT_COLUMNS), *variant_rows(comparison)]
    lines = [" & ".join(_escaped(cell) for cell in row) + r" \\" for row in rows]
    return "\n".join(
        [
            rf"% {_escaped(heading(comparison))}",
            rf"\begin{{tabular}}{{l{'r' * (len(VARIANT_COLUMNS) - 1)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def as_csv(comparison: Comparison) -> str:
    """Return one row a run."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["variant", "seed", "test_accuracy", "val_accuracy", "seconds", "folder"])
    for one in comparison.outcomes:
        val = "" if one.val_accuracy is None else one.val_accuracy
        table.writerow(
            [one.variant.name, one.seed, one.accuracy, val, one.seconds, one.folder.name]
        )
    return text.getvalue()


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return everything as JSON types; what is not there is null."""
    return {
        "data": dict(comparison.data),
        "variants": [
            {"name": name, **{key: _plain(value) for key, value in row.items()}}
            for name, row in comparison.table.iterrows()
        ],
        "recipes": {one.name: one.recipe.to_json() for one in comparison.variants},
        "runs": [
            {
                "variant": one.variant.name,
                "seed": one.seed,
                "test_accuracy": one.accuracy,
                "val_accuracy": one.val_accuracy,
                "seconds": one.seconds,
                "started": one.facts["started"],
                "folder": one.folder.name,
                "environment": one.facts["environment"],
            }
            for one in comparison.outcomes
        ],
        "pairs": [
            {key: _plain(value) for key, value in asdict(pair).items() if key != "changed"}
            | {"changed": changes(pair), "verdict": verdict.kind, "text": verdict.text}
            for pair, verdict in zip(comparison.pairs, comparison.verdicts, strict=True)
        ],
        "failures": list(comparison.failures),
        "left_out_seeds": list(comparison.left_out),
    }


def _aligned(columns: dict[str, int], rows: Rows) -> str:
    """Return a table in columns, without those of the highest rank where it would be too wide."""
    names = list(columns)
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    kept = set(range(len(names)))
    while sum(widths[i] + 2 for i in kept) - 2 > WIDTH and any(columns[names[i]] for i in kept):
        kept.remove(max(kept, key=lambda i: columns[names[i]]))
    return "\n".join(
        "  ".join(
            f"{cell:<{widths[i]}}" if i == 0 else f"{cell:>{widths[i]}}"
            for i, cell in enumerate(row)
            if i in kept
        ).rstrip()
        for row in [names, *rows]
    )


def _piped(names: Sequence[str], rows: Rows) -> str:
    rule = ["---", *["---:"] * (len(names) - 1)]
    shown = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(names), rule, *shown])


def _filled(text: str, indent: int = 0) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent)


def _escaped(text: str) -> str:
    """Return text as LaTeX shows it; other characters that mean something there become spaces."""
    plain = "".join(" " if character in "\\^~{}\n" else character for character in text)
    for character in "&%_#$":
        plain = plain.replace(character, f"\\{character}")
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.item() if hasattr(value, "item") else value
