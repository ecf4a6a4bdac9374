"""Train four runs of the baseline, in one way, and print how many images a second they took."""

from __future__ import annotations

import argparse
import json
import tempfile
import time

import torch

import cifarkit as ck

SEEDS, EPOCHS, IMAGES = 4, 2, 10_000


def pictures() -> ck.Splits:
    """Make pictures of noise: what they show does not change how long they take."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (IMAGES + 1_000, 3, 32, 32), generator=generator).to(torch.uint8)
    labels = torch.arange(len(images)) % 10
    classes = [str(label) for label in range(10)]
    return ck.load_arrays(
        images[:IMAGES],
        labels[:IMAGES],
        images[IMAGES:],
        labels[IMAGES:],
        classes=classes,
        val_size=500,
    )


def one_after_another(data: ck.Splits, folder: str) -> None:
    for seed in range(SEEDS):
        run = ck.train("baseline", data, seed=seed, epochs=EPOCHS, run_dir=f"{folder}/{seed}")
        ck.score_on_test(run, data)


def with_one_thread(data: ck.Splits, folder: str) -> None:
    """Tell how much a second thread gains: what is left is all that two runs could share."""
    torch.set_num_threads(1)
    one_after_another(data, folder)


def side_by_side(data: ck.Splits, folder: str) -> None:
    ck.compare(["baseline"], data, seeds=SEEDS, epochs=EPOCHS, run_dir=folder, show_progress=False)


WAYS = {
    "one run after another, all threads": one_after_another,
    "one run after another, one thread": with_one_thread,
    "side by side, one thread each": side_by_side,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--round", type=int, help="not used")
    way, data = WAYS[parser.parse_args().way], pictures()
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        way(data, folder)
        seconds = time.perf_counter() - begin
    print(json.dumps({"images/s": SEEDS * EPOCHS * len(data.train) / seconds}))


if __name__ == "__main__":
    main()
