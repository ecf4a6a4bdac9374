"""Take the numbers that the slides show from the folders of three runs.

    python docs/teachers/slides/measure.py linear-seed0 mlp-seed0 baseline-seed0

Histories are kept, and the confusion matrix of the last run; no picture is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import cifarkit as ck
from cifarkit.runs.test_predictions import TestPredictions

KEPT = Path(__file__).with_name("measured.json")
COLUMNS = ("epoch", "train_loss", "val_loss", "val_accuracy")


def measure(folders: list[Path]) -> dict[str, Any]:
    """Return what the slides show of the runs, as JSON types."""
    runs = {folder: ck.load_run(folder) for folder in folders}
    last = folders[-1]
    predictions = TestPredictions.load(last)
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (predictions.labels, predictions.predicted), 1)
    classes = json.loads((last / "run.json").read_text(encoding="utf-8"))["classes"]
    return {
        "runs": {run.variant.name: _numbers(run, folder) for folder, run in runs.items()},
        "confusion": {
            "run": runs[last].variant.name,
            "classes": classes,
            "counts": counts.tolist(),
        },
    }


def _numbers(run: ck.Run, folder: Path) -> dict[str, Any]:
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))["facts"]
    data, test, environment = facts["data"], facts["test"], facts["environment"]
    origin = (
        f"{run.variant.name}, seed {run.seed}, {data['name']}, {data['train']:,} train pictures, "
        f"test accuracy {100 * test['accuracy']:.1f} % (n = {test['n']:,}), "
        f"torch {environment['versions']['torch']}, {environment['cpu']}, {facts['started'][:10]}"
    )
    history = [{column: row[column] for column in COLUMNS} for row in run.history]
    return {"origin": origin, "history": history}


if __name__ == "__main__":
    document = measure([Path(name) for name in sys.argv[1:]])
    KEPT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
