"""Start in one way in a fresh process, and print how long it took and how much memory it held."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

LOAD = """
import torch, cifarkit as ck, cifarkit.data.cifar
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.perf_counter()
data = ck.load_cifar10({root!r}, download=False)
next(ck.training_batches(data.train, 64, seed=0, epoch=0))
"""
AFTER_TORCH = """
import torch
begin = time.perf_counter()
import cifarkit as ck
ck.Trainer
"""
WAYS = {
    "import torch": "import torch",
    "import cifarkit": "import cifarkit",
    "import cifarkit after torch": AFTER_TORCH,
    "cached load": LOAD,
}
FRAME = """
import resource, time
before, begin = 0, time.perf_counter()
{way}
seconds = time.perf_counter() - begin
print(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def fill_cache(root: str) -> None:
    """Put a data set of CIFAR-10's size where its cache would be."""
    import torch

    from cifarkit.storage.tensor_file import save_tensors

    tensors = {}
    for part, count in (("train", 50_000), ("test", 10_000)):
        tensors[f"{part}.images"] = torch.randint(256, (count, 3, 32, 32)).to(torch.uint8)
        tensors[f"{part}.labels"] = torch.arange(count) % 10
    path = Path(root) / "cifar10.safetensors"
    save_tensors(path, tensors, {"classes": [str(label) for label in range(10)]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--round", type=int, help="not used")
    way = WAYS[parser.parse_args().way]
    with tempfile.TemporaryDirectory() as root:
        if "root" in way:
            fill_cache(root)
        code = FRAME.format(way=way.format(root=root))
        command = [sys.executable, "-c", code]
        # As for a user, whose Python keeps what it has compiled.
        usual = {name: at for name, at in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        runs = [
            subprocess.run(command, capture_output=True, text=True, check=True, env=usual)
            for _ in range(2)  # the first brings the files into the system's memory
        ]
    seconds, megabytes = map(float, runs[-1].stdout.split())
    print(json.dumps({"seconds": seconds, "MiB": megabytes}))


if __name__ == "__main__":
    main()
