"""Train the baseline with eleven learning rates; leave the record that an explorer shows.

`python tests/benchmarks/learning_rates.py --data FOLDER --data-name "CIFAR-10 (…)"` takes about
twenty minutes on one core. `--write` only writes the page's data again, from the record.
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
SEEDS, EPOCHS, TRAIN, VAL, BATCHES = 3, 5, 5_000, 1_000, 10


class LossCurve(ck.Callback):
    """Collect the mean training loss of each few batches."""

    def on_fit_start(self, run: ck.Run) -> None:
        self.losses: list[float] = []

    def on_batch_end(self, run: ck.Run) -> None:
        self.losses.append(float(run.state.loss))

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
    recipe = {"optimizer": ck.Adam(lr=rate), "epochs": EPOCHS, "precision": "float32"}
    try:
        history = ck.train("baseline", data, seed=seed, callbacks=[curve], **recipe).history
    except ck.NonFiniteLossError:
        return {"seed": seed, "diverged": True, "train_loss": curve.means()}
    columns = {name: [rounded(value) for value in history[name]] for name in COLUMNS}
    return {"seed": seed, "diverged": False, "train_loss": curve.means(), **columns}


COLUMNS = ("val_loss", "val_accuracy")


def measure(source: str, name: str) -> dict[str, Any]:
    loaded = ck.load_data(source)
    data = dataclasses.replace(
        loaded, train=some(loaded.train, TRAIN, "train"), val=some(loaded.val, VAL, "val")
    )
    rates = []
    for rate in RATES:
        rates.append({"lr": rate, "runs": [train(data, rate, seed) for seed in range(SEEDS)]})
        last = [run["val_accuracy"][-1] if not run["diverged"] else None for run in rates[-1]["runs"]]
        print(f"lr {rate:g}: val accuracy {last}", flush=True)
    return {
        "command": f'python tests/benchmarks/learning_rates.py --data FOLDER --data-name "{name}"',
        "data": name,
        "date": datetime.date.today().isoformat(),
        "machine": describe_environment(torch.device("cpu")),
        "variant": "baseline",
        "optimizer": "Adam",
        "batch_size": ck.Recipe().batch_size,
        "train": TRAIN,
        "val": VAL,
        "epochs": EPOCHS,
        "steps": EPOCHS * math.ceil(TRAIN / ck.Recipe().batch_size),
        "batches_a_point": BATCHES,
        "rates": rates,
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
        record = measure(given.data, given.data_name)
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    write_data()


if __name__ == "__main__":
    main()
