"""A comparison for programs: CSV and JSON."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict
from typing import Any

from cifarkit.comparison.results import Results
from cifarkit.comparison.wording import changes

__all__ = ["as_csv", "as_json"]


def as_csv(results: Results) -> str:
    """Return one row a run."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["variant", "seed", "test_accuracy", "val_accuracy", "seconds", "folder"])
    for outcome in results.outcomes:
        val = "" if outcome.val_accuracy is None else outcome.val_accuracy
        table.writerow(
            [
                outcome.variant.name,
                outcome.seed,
                outcome.accuracy,
                val,
                outcome.seconds,
                outcome.folder.name,
            ]
        )
    return text.getvalue()


def as_json(results: Results) -> dict[str, Any]:
    """Return everything as JSON types; missing values are null."""
    return {
        "data": dict(results.data),
        "variants": [
            {"name": name, **{key: _plain(value) for key, value in row.items()}}
            for name, row in results.table.iterrows()
        ],
        "recipes": {variant.name: variant.recipe.to_json() for variant in results.variants},
        "runs": [
            {
                "variant": outcome.variant.name,
                "seed": outcome.seed,
                "test_accuracy": outcome.accuracy,
                "val_accuracy": outcome.val_accuracy,
                "seconds": outcome.seconds,
                "started": outcome.facts.started,
                "folder": outcome.folder.name,
                "environment": outcome.facts.environment,
            }
            for outcome in results.outcomes
        ],
        "pairs": [
            {key: _plain(value) for key, value in asdict(pair).items() if key != "changed"}
            | {"changed": changes(pair), "verdict": verdict.kind, "text": verdict.text}
            for pair, verdict in zip(results.pairs, results.verdicts, strict=True)
        ],
        "failures": list(results.failures),
        "left_out_seeds": list(results.left_out),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.item() if hasattr(value, "item") else value
