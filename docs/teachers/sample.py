"""Make the sample hand-in: twelve short trainings on drawn pictures, and their page.

    python docs/teachers/sample.py sample-hand-in.html

A student does the same with CIFAR-10 and more epochs, as the assignment sheet says.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cifarkit as ck

NOTES = Path(__file__).with_name("sample-notes.txt")


def make(page: Path, runs: Path, *, seeds: int = 6, epochs: int = 4) -> None:
    """Compare two variants, and write the page with a student's words."""
    data = ck.load_synthetic(n_train=1_200, n_test=500, val_size=200)
    names = ["baseline", "batchnorm"]
    result = ck.compare(names, data, seeds=seeds, epochs=epochs, batch_size=32, run_dir=runs)
    ck.write_report(result, path=page, author="Ada Example", notes=NOTES)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path("runs-of-the-sample"))
