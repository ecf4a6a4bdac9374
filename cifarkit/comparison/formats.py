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
    for run in results.outcomes:
        val = "" if run.val_accuracy is None else run.val_accuracy
        table.writerow(
            [run.variant.name, run.seed, run.accuracy, val, run.seconds, run.folder.name]
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
                "variant": run.variant.name,
                "seed": run.seed,
                "test_accuracy": run.accuracy,
                "val_accuracy": run.val_accuracy,
                "seconds": run.seconds,
                "started": run.facts.started,
                "folder": run.folder.name,
                "environment": run.facts.environment,
            }
            for run in results.outcomes
        ],
        "pairs": [
            {key: _plain(value) for key, value in asdict(pair).items() if key != "changed"}
            | {"changed": changes(pair), "verdict": verdict.kind, "text": verdict.text}
            for pair, verdict in zip(results.pairs, results.verdicts, strict=True)
        ],
        "failures": list(results.failures),
        "left_out_seeds": list(results.left_out),
        **({"until": results.until} if results.until else {}),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.item() if hasattr(value, "item") else value
