"""Train the built-in variants by their own recipes; leave the records that the site shows.

`python tests/benchmarks/studies.py --data FOLDER --data-name "CIFAR-10 (…)"` takes some fifteen
hours on two cores. The same line goes on where it was cut off.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import cifarkit as ck

RECORDS = Path(__file__).parents[2] / "docs" / "records"
COLUMNS = ("epoch", "train_loss", "val_loss", "val_accuracy")  # of each history
DECIMALS = 4


def baseline_again(*, num_classes: int = 10) -> nn.Module:
    """Build the baseline with other first weights.

    Under another name alone the same seed would give the same bits, and the study say nothing.
    """
    torch.rand(1)  # moves the generator that the weights are drawn from
    return ck.get_variant("baseline").build(num_classes=num_classes)


def leave(comparison: ck.Comparison, name: str) -> None:
    """Write what the site shows of a comparison, in place of what was there."""
    print(comparison)
    folder = RECORDS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    texts = {
        "comparison.json": comparison.to_json(),
        "comparison.md": comparison.to_markdown(),
        "details.json": json.dumps(details(comparison), separators=(",", ":")),
    }
    for file, text in texts.items():
        (folder / file).write_text(f"{text.rstrip()}\n", encoding="utf-8")


def details(comparison: ck.Comparison) -> dict[str, Any]:
    """Return what the site draws: the histories of all runs, and the mistakes of each variant.

    In a confusion matrix a row is a class, and a column is what the networks called it. Its numbers
    are sums over the seeds.
    """
    found: dict[str, Any] = {"histories": {}, "confusion": {}}
    classes = len(comparison.data["classes"])
    for variant in comparison.variants:
        runs = comparison.of(variant.name)
        found["histories"][variant.name] = {
            outcome.seed: {column: _rounded(outcome.history, column) for column in COLUMNS}
            for outcome in runs
        }
        matrix = np.zeros((classes, classes), int)
        for outcome in runs:
            kept = outcome.test_predictions
            np.add.at(matrix, (kept.labels, kept.predicted), 1)
        found["confusion"][variant.name] = matrix.tolist()
    return found


def _rounded(history: ck.History, column: str) -> list[float]:
    return [round(value, DECIMALS) for value in history.column(column)]


FOUR = ["baseline", "batchnorm", "augmented", "deeper"]
STUDIES: dict[str, tuple[list[str | ck.Variant], dict[str, Any]]] = {
    "others": (["linear", "mlp", "resnet20", "speedrun", "speedrun-wide"], {"seeds": 3}),
    "assignment": ([*FOUR], {"seeds": 8}),
    "a-a": (["baseline", ck.Variant("baseline-again", baseline_again)], {"seeds": 8}),
    "longer": ([*FOUR], {"seeds": 3, "epochs": 30, "schedule": ck.OneCycle(peak=0.003)}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="*", default=[*STUDIES], help=", ".join(STUDIES))
    parser.add_argument("--data", required=True, help="as cifarkit's own --data")
    parser.add_argument("--data-name", required=True, help="what the pictures are")
    parser.add_argument("--run-dir", type=Path, default=Path("runs"))
    given = parser.parse_args()
    loaded = ck.load_data(given.data)
    data = dataclasses.replace(loaded, name=given.data_name, source="")  # where it lay is no record
    for name in given.studies:
        variants, settings = STUDIES[name]
        leave(ck.compare(variants, data, run_dir=given.run_dir, **settings), name)


if __name__ == "__main__":
    main()
