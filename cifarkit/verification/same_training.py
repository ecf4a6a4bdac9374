"""Which runs are of the same training, but for the seed: read from their records alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cifarkit.errors import RunFolderError
from cifarkit.training.run_folder import RunFolder

__all__ = ["sibling_accuracies", "training_of"]


def training_of(about: dict[str, Any]) -> str:
    """Name all that decides a run's numbers, apart from its seed and the machine.

    Args:
        about: what its `run.json` says.

    Returns:
        Variant, code, options, recipe and data as one text; equal texts are the same training.
    """
    variant = about["variant"] or {}
    parts = {
        "variant": [variant.get(name) for name in ("name", "code", "options")],
        "recipe": about["recipe"],
        "data": about["facts"]["data"]["fingerprint"],
    }
    return json.dumps(parts, sort_keys=True)


def sibling_accuracies(folder: Path, about: dict[str, Any]) -> list[float]:
    """Return the test accuracies, in [0, 1], that the runs beside a run say of themselves.

    Siblings lie in the same folder as the run, are over, and are of the same training with other
    seeds; of several with one seed the first by name counts.

    Args:
        folder: of the run.
        about: what its `run.json` says.
    """
    by_seed: dict[int, float] = {}
    for path in sorted(folder.absolute().parent.iterdir()):
        try:
            other = RunFolder(path).about()
            is_over = other["facts"]["status"] in ("finished", "stopped")
            if is_over and training_of(other) == training_of(about):
                by_seed.setdefault(int(other["seed"]), float(other["facts"]["test"]["accuracy"]))
        except (RunFolderError, KeyError, TypeError, ValueError, AttributeError):
            continue  # something else, or one that was never scored
    by_seed.pop(about["seed"], None)
    return list(by_seed.values())
