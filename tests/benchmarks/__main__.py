"""Time cifarkit and its peers side by side: `python tests/benchmarks --help`.

Every measurement is a child process of its own, and the contenders take turns, so that a machine
which slows down slows all of them down; the ratios are taken within each round. Needs the extra
`bench` for the peers. What stands after `--` is for the contenders:
`python tests/benchmarks speedrun --rounds 3 -- --data FOLDER`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import shlex
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
SUITES = {
    "training": [
        *("stock", "bare", "cifarkit", "lightning", "skorch", "keras"),
        *("cifarkit, bfloat16", "lightning, bfloat16", "keras, bfloat16"),
    ],
    "parts": [
        "a plain loop on tensors",
        "+ fused Adam",
        "+ channels-last",
        "+ pooling before ReLU",
        "+ quick dropout",
        "+ kept memory",
        "+ torch.compile",
    ],
    "starting": ["import torch", "import cifarkit", "import cifarkit after torch", "cached load"],
    "convolution": ["torch.nn.Conv2d", "WinogradConv2d"],
    "speedrun": ["speedrun"],
    "target": ["the assignment's loop, ten epochs", "`speedrun`, one epoch"],
    "side_by_side": [
        "one run after another, all threads",
        "one run after another, one thread",
        "side by side, one thread each",
    ],
}
PACKAGES = ["cifarkit", "torch", "torchvision", "numpy", "lightning", "skorch", "keras"]


def measure(suite: str, contender: str, number: int, arguments: list[str]) -> dict[str, float]:
    """Run one contender in a child process and return the numbers it prints last."""
    command = [sys.executable, str(HERE / f"{suite}.py"), contender]
    command += ["--round", str(number), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{contender} failed:\n{done.stderr[-2000:]}")
    numbers: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def spread(numbers: list[float]) -> dict[str, float]:
    return {"median": statistics.median(numbers), "min": min(numbers), "max": max(numbers)}


def summarise(rounds: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, object]]:
    """Return median and spread of each number, and of the first one's ratio to the reference."""
    reference, rows = next(iter(rounds[0])), {}
    for name, first in rounds[0].items():
        row: dict[str, object] = {
            unit: spread([one[name][unit] for one in rounds]) for unit in first
        }
        unit = next(iter(first))
        if len(rounds[0]) > 1 and unit in rounds[0][reference]:
            row["ratio"] = spread([one[name][unit] / one[reference][unit] for one in rounds])
        rows[name] = row
    return rows


def describe_machine() -> dict[str, object]:
    import torch

    from cifarkit.runs.environment import describe_environment

    environment = describe_environment(torch.device("cpu"))
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": f"{environment['cpu']}, {environment['threads']} threads",
        "versions": versions,
    }


def show(rows: dict[str, dict[str, dict[str, float]]]) -> None:
    for name, row in rows.items():
        cells = [
            f"{unit} {s['median']:.4g} ({s['min']:.4g} to {s['max']:.4g})"
            for unit, s in row.items()
        ]
        print(f"{name:26} {'   '.join(cells)}")


def without_places(words: list[str]) -> list[str]:
    """Return the command for the record; which file or folder it was is this machine's affair."""
    shown = list(words)
    for at in reversed(range(1, len(words))):
        if words[at - 1] in ("--json", "--data-name"):
            del shown[at - 1 : at + 1]
        elif words[at - 1] == "--data" and Path(words[at]).expanduser().is_dir():
            shown[at] = "FOLDER"
    return shown


def main() -> None:
    parser = argparse.ArgumentParser("tests/benchmarks", description=__doc__)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="these contenders; the first is the reference")
    parser.add_argument("--json", type=Path, help="where to write the record")
    parser.add_argument("--data-name", default="", help="what the pictures are, for the record")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    given = parser.parse_args(words[:cut])
    if given.rounds < 1:
        parser.error("--rounds must be 1 or more")
    contenders = given.only or SUITES[given.suite]
    arguments = words[cut + 1 :]  # for the contenders
    rounds = []
    for number in range(given.rounds):
        rounds.append({name: measure(given.suite, name, number, arguments) for name in contenders})
        print(f"round {number + 1} of {given.rounds} is done", file=sys.stderr)
    rows = summarise(rounds)
    show(rows)  # type: ignore[arg-type]
    if given.json:
        record = {
            "suite": given.suite,
            "command": shlex.join(["python", "tests/benchmarks", *without_places(words)]),
            "data": given.data_name,
            "date": datetime.date.today().isoformat(),
            "rounds": given.rounds,
            "machine": describe_machine(),
            "rows": rows,
        }
        given.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
