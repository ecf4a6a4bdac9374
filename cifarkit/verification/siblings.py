"""Find the runs next to a run that differ from it only in the seed, from their records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cifarkit.errors import RunFolderError
from cifarkit.runs.folder import RunFolder
from cifarkit.runs.identity import training_of
from cifarkit.runs.run import OVER

__all__ = ["sibling_accuracies"]


def sibling_accuracies(folder: Path, about: dict[str, Any]) -> list[float]:
    """Return the test accuracies, in [0, 1], of a run's siblings, from their records.

    Siblings are in the same parent folder, are over, and have the same training with other seeds.
    If several have the same seed, the first by name counts.

    Args:
        folder: the run's folder.
        about: the contents of its `run.json`.
    """
    by_seed: dict[int, float] = {}
    for path in sorted(folder.absolute().parent.iterdir()):
        try:
            other = RunFolder(path).about()
            is_over = other["facts"]["status"] in OVER
            if is_over and training_of(other) == training_of(about):
                accuracy = float(other["facts"]["test"]["accuracy"])
                if 0 <= accuracy <= 1:  # what the record says may be nonsense
                    by_seed.setdefault(int(other["seed"]), accuracy)
        except (RunFolderError, KeyError, TypeError, ValueError, AttributeError):
            continue  # not a run, or a run that was never scored
    by_seed.pop(about["seed"], None)
    return list(by_seed.values())
