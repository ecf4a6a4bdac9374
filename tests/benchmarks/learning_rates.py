"""Train the baseline with eleven learning rates; leave the record that an explorer shows.

`python tests/benchmarks/learning_rates.py --data FOLDER --data-name "CIFAR-10 (…)"` takes three
quarters of an hour on a busy machine with two cores. `--write` only writes the page's data again,
from the record.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import math
from pathlib import Path
from typing import Any

import torch

import cifarkit as ck
from cifarkit.runs.environment import describe_environment

DOCS = Path(__file__).parents[2] / "docs"
RECORD = DOCS / "records" / "learning_rates.json"
DATA = DOCS / "explorers" / "data" / "learning_rates.js"
RATES = [float(f"{10 ** (-5 + half / 2):.2g}") for half in range(11)]
SEEDS, EPOCHS, TRAIN, VAL, BATCHES = 3, 4, 5_000, 1_000, 10
COLUMNS = ("val_loss", "val_accuracy")


class LossCurve(ck.Callback):
    """Collect the mean training loss of each few batches; the last can be NaN and is left out."""

    def on_fit_start(self, run: ck.Run) -> None:
        self.losses: list[float] = []

    def on_batch_end(self, run: ck.Run) -> None:
        loss = float(run.state.loss)
        if math.isfinite(loss):
            self.losses.append(loss)

    def means(self) -> list[float]:
        starts = range(0, len(self.losses), BATCHES)
        parts = [self.losses[start : start + BATCHES] for start in starts]
        return [rounded(sum(part) / len(part)) for part in parts]


def rounded(number: float) -> float:
    """Keep five digits: more than a curve can show."""
    return float(f"{number:.5g}")


def some(images: ck.ImageSet, count: int, part: str) -> ck.ImageSet:
    order = torch.randperm(len(images), generator=ck.generator_for("learning rates", part))
    return images.subset(order[:count])


def train(data: ck.Splits, rate: float, seed: int) -> dict[str, Any]:
    """Train one run and return its curves; those of a run that diverged end early."""
    curve = LossCurve()
    optimizer = ck.Adam(lr=rate)
    try:
        run = ck.train(
            "baseline", data, seed=seed, epochs=EPOCHS, optimizer=optimizer, callbacks=[curve]
        )
    except ck.NonFiniteLossError:
        return {"seed": seed, "diverged": True, "train_loss": curve.means()}
    columns = {name: [rounded(value) for value in run.history[name]] for name in COLUMNS}
    found = {"seed": seed, "diverged": False, "precision": run.facts.precision}
    return {**found, "train_loss": curve.means(), **columns}


def measure(source: str, name: str) -> None:
    """Train all rates with the first seed, then with the next; each seed's end is recorded."""
    loaded = ck.load_data(source)
    data = dataclasses.replace(
        loaded, train=some(loaded.train, TRAIN, "train"), val=some(loaded.val, VAL, "val")
    )
    rates: list[dict[str, Any]] = [{"lr": rate, "runs": []} for rate in RATES]
    for seed in range(SEEDS):
        for row in rates:
            row["runs"].append(train(data, row["lr"], seed))
            print(f"seed {seed}, lr {row['lr']:g}: {row['runs'][-1]}", flush=True)
        record = {**conditions(name), "rates": rates}
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def conditions(name: str) -> dict[str, Any]:
    recipe = ck.Recipe()
    return {
        "command": f'python tests/benchmarks/learning_rates.py --data FOLDER --data-name "{name}"',
        "data": name,
        "date": datetime.date.today().isoformat(),
        "machine": describe_environment(torch.device("cpu")),
        "variant": "baseline",
        "optimizer": "Adam",
        "batch_size": recipe.batch_size,
        "train": TRAIN,
        "val": VAL,
        "epochs": EPOCHS,
        "steps": EPOCHS * math.ceil(TRAIN / recipe.batch_size),
        "batches_a_point": BATCHES,
    }


def write_data() -> None:
    """Write the record as a script that sets one global: a page from the disk cannot fetch."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    text = json.dumps(record, separators=(",", ":"))
    DATA.parent.mkdir(exist_ok=True)
    DATA.write_text(f"globalThis.LEARNING_RATES = {text};\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="as cifarkit's own --data")
    parser.add_argument("--data-name", help="what the pictures are")
    parser.add_argument("--write", action="store_true", help="only write the page's data again")
    given = parser.parse_args()
    if not given.write:
        measure(given.data, given.data_name)
    write_data()


if __name__ == "__main__":
    main()
