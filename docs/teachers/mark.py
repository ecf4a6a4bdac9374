"""Verify the runs of a class, and write one line for each into a table.

    python mark.py handed-in marks.csv cifar10

Each student has a folder in `handed-in`, with run folders below it. No code of a student is run.
"""

import csv
import sys
from pathlib import Path

import cifarkit as ck
from cifarkit.evaluation.intervals import wilson_interval
from cifarkit.tables import printable
from cifarkit.verification.same_logits import same_logits

COLUMNS = ["author", "run", "variant", "seed", "accuracy", "low", "high", "verified", "notes"]


def mark(handed_in, data):
    """Return a row for each run, and one for each student without a run."""
    rows, verified = [], []
    for author in sorted(handed_in.glob("[!.]*")):
        runs = [ck.verify(path.parent, data) for path in sorted(author.rglob("run.json"))]
        verified += runs
        rows += [row_of(author.name, run) for run in runs]
        if not runs:
            rows.append({"author": author.name, "verified": "no", "notes": "no run; unpacked?"})
        passed = sum(run.passed for run in runs)
        print(f"{printable(author.name)}: {passed} of {len(runs)} runs verified")
    for pair in same_logits(verified):
        for run, other in (pair, pair[::-1]):
            row = next(row for row in rows if row.get("run") == run.folder)
            row["notes"] = "; ".join(filter(None, [row["notes"], f"like {other.folder}"]))
    return [{name: cell(it) for name, it in row.items() if it is not None} for row in rows]


def row_of(author, run):
    row = {"author": author, "run": run.folder, **{it: run.to_json()[it] for it in COLUMNS[2:4]}}
    if run.accuracy is not None:
        low, high = wilson_interval(run.correct, run.n)  # of the test pictures, not of the seeds
        row |= {"accuracy": run.accuracy, "low": low, "high": high}
    row["verified"] = "yes" if run.passed else "no"
    row["notes"] = "; ".join(f"{finding.check}: {finding.message}" for finding in run.failed)
    return row


def cell(value):
    """Return a value as text that a spreadsheet shows, and does not compute."""
    text = f"{value:.4f}" if isinstance(value, float) else printable(str(value))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


if __name__ == "__main__":
    folder, table, source = sys.argv[1:] if len(sys.argv) == 4 else sys.exit(__doc__)
    data = ck.load_data(source)  # before there is a table, which is never overwritten
    with Path(table).open("x", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(mark(Path(folder), data))
