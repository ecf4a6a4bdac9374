"""A comparison as a document: terminal, Markdown, LaTeX, CSV, JSON."""

from __future__ import annotations

import csv
import io
import math
import textwrap
from dataclasses import asdict
from typing import Any

from cifarkit.comparison.results import Results
from cifarkit.comparison.wording import (
    PAIR_COLUMNS,
    VARIANT_COLUMNS,
    changes,
    heading,
    limitations,
    notes,
    pair_rows,
    variant_rows,
)
from cifarkit.tables import Block, Table, in_latex, in_markdown

__all__ = ["as_blocks", "as_csv", "as_json", "as_latex", "as_markdown", "as_text"]

WIDTH = 80


def as_text(comparison: Results) -> str:
    """Return the whole comparison for a terminal of 80 columns."""
    parts = [
        _filled(heading(comparison)),
        _variants(comparison).as_text(WIDTH),
        "\n".join(_filled(note) for note in notes(comparison)),
    ]
    if comparison.pairs:
        parts.append(_pairs(comparison).as_text(WIDTH))
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


def as_markdown(comparison: Results) -> str:
    """Return the whole comparison as Markdown."""
    parts = [in_markdown(heading(comparison)), _variants(comparison).as_markdown()]
    parts += map(in_markdown, notes(comparison))
    if comparison.pairs:
        parts.append(_pairs(comparison).as_markdown())
        verdicts = zip(comparison.pairs, comparison.verdicts, strict=True)
        parts.append(
            "\n".join(
                f"- {in_markdown(verdict.text)} Changed from {pair.b} to {pair.a}: "
                f"{in_markdown(changes(pair))}."
                for pair, verdict in verdicts
            )
        )
    parts.append("What this does not show:")
    parts.append("\n".join(f"- {in_markdown(one)}" for one in limitations(comparison)))
    return "\n\n".join(parts) + "\n"


def as_latex(comparison: Results) -> str:
    """Return the table of variants for LaTeX with booktabs."""
    return f"% {in_latex(heading(comparison))}\n{_variants(comparison).as_latex()}"


def as_blocks(comparison: Results) -> list[Block]:
    """Return the whole comparison for a notebook."""
    blocks: list[Block] = [heading(comparison), _variants(comparison), *notes(comparison)]
    if comparison.pairs:
        said = zip(comparison.pairs, comparison.verdicts, strict=True)
        blocks += [_pairs(comparison)]
        blocks += [
            f"- {verdict.text} Changed from {pair.b} to {pair.a}: {changes(pair)}."
            for pair, verdict in said
        ]
    return [*blocks, "What this does not show:", *(f"- {one}" for one in limitations(comparison))]


def as_csv(comparison: Results) -> str:
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


def as_json(comparison: Results) -> dict[str, Any]:
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
                "started": one.facts.started,
                "folder": one.folder.name,
                "environment": one.facts.environment,
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


def _variants(comparison: Results) -> Table:
    ranks = list(VARIANT_COLUMNS.values())
    return Table(list(VARIANT_COLUMNS), variant_rows(comparison), ranks=ranks)


def _pairs(comparison: Results) -> Table:
    return Table(list(PAIR_COLUMNS), pair_rows(comparison), ranks=list(PAIR_COLUMNS.values()))


def _filled(text: str, indent: int = 0) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.item() if hasattr(value, "item") else value
