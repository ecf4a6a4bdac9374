"""A cell of a comparison: one variant and one seed, and the folder that its run is kept in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cifarkit.data.splits import Splits
from cifarkit.errors import RunFolderError
from cifarkit.models.variant import Variant
from cifarkit.training.callback import Callback, settings_of
from cifarkit.training.environment import describe_environment
from cifarkit.training.run_folder import RunFolder
from cifarkit.training.sealed_test import RECEIPT

__all__ = ["Cell", "plan_cells"]

WATCHERS = (  # of cifarkit's own, those that leave training as it is
    "cifarkit.cli.",
    "cifarkit.comparison.",
    "cifarkit.training.callbacks.checkpoint.",
    "cifarkit.training.progress.",
)


@dataclass(frozen=True)
class Cell:
    """What is to be trained, and where.

    Args:
        variant: with the recipe it is trained by.
        seed: of first weights, order, augmentation and dropout.
        device: a torch device.
        callbacks: who listens; each cell has its own copies.
        folder: of the run.
        is_done: whether the run is there, over, and was scored on test.
    """

    variant: Variant
    seed: int
    device: str
    callbacks: tuple[Callback, ...]
    folder: Path
    is_done: bool

    @property
    def name(self) -> str:
        """Variant and seed in words."""
        return f"{self.variant.name} seed {self.seed}"


def plan_cells(
    variants: Sequence[Variant],
    seeds: Iterable[int],
    splits: Splits,
    *,
    run_dir: Path,
    device: torch.device,
    callbacks: Sequence[Callback],
) -> list[Cell]:
    """Find the folder of each cell: that of the run that is there, or a new one.

    A run is taken for a cell when all that makes it is the same: name, options and code of the
    variant, recipe, seed, data and split, callbacks, device, and the versions of cifarkit and
    torch.

    Args:
        variants: with the recipes they are trained by.
        seeds: whole numbers.
        splits: the data.
        run_dir: the parent of all run folders.
        device: to train on.
        callbacks: of every run.

    Returns:
        One cell for each variant and seed: all variants of the first seed, then of the next, so
        that what is there at any time is as even as can be.
    """
    there = {key: (folder, over) for key, folder, over in _runs_in(run_dir)}
    taken = {folder for folder, _ in there.values()}
    cells = []
    for seed in seeds:
        for variant in variants:
            key = _key(_wanted(variant, seed, splits, device, callbacks))
            folder, over = there.get(key, (None, False))
            if folder is None:
                folder = _free_folder(run_dir, f"{variant.name}-seed{seed}", taken)
                taken.add(folder)
            cells.append(Cell(variant, seed, str(device), tuple(callbacks), folder, over))
    return cells


def _runs_in(run_dir: Path) -> Iterator[tuple[str, Path, bool]]:
    """Yield key, folder and whether it is over, of each run; those that are over come last."""
    found = []
    for about_file in run_dir.glob("*/run.json"):
        try:
            about = RunFolder(about_file.parent).about()
            over = about["facts"]["status"] in ("finished", "stopped")
            over = over and (about_file.parent / RECEIPT).is_file()
            found.append((_key(_recorded(about)), about_file.parent, over))
        except (RunFolderError, KeyError, TypeError, AttributeError):
            continue  # of no comparison's making, such as a network without a name
    return iter(sorted(found, key=lambda run: (run[2], run[1])))


def _wanted(
    variant: Variant,
    seed: int,
    splits: Splits,
    device: torch.device,
    callbacks: Sequence[Callback],
) -> dict[str, Any]:
    environment = describe_environment(device)
    return {
        "name": variant.name,
        "options": dict(variant.options),
        "code": variant.code,
        "recipe": variant.recipe.to_json(),
        "seed": seed,
        "data": splits.fingerprint,
        "callbacks": _that_matter([settings_of(one) for one in callbacks]),
        "device": environment["device"],
        "cifarkit": environment["versions"]["cifarkit"],
        "torch": environment["versions"]["torch"],
    }


def _recorded(about: dict[str, Any]) -> dict[str, Any]:
    """Return the same of what `run.json` says."""
    variant, facts = about["variant"], about["facts"]
    environment = facts["environment"]
    return {
        "name": variant["name"],
        "options": variant["options"],
        "code": variant["code"],
        "recipe": about["recipe"],
        "seed": about["seed"],
        "data": facts["data"]["fingerprint"],
        "callbacks": _that_matter(facts["callbacks"]),
        "device": environment["device"],
        "cifarkit": environment["versions"]["cifarkit"],
        "torch": environment["versions"]["torch"],
    }


def _key(parts: dict[str, Any]) -> str:
    return json.dumps(parts, sort_keys=True, default=repr)


def _that_matter(callbacks: Iterable[str]) -> list[str]:
    return sorted(one for one in callbacks if not one.startswith(WATCHERS))


def _free_folder(run_dir: Path, name: str, taken: set[Path]) -> Path:
    folder, count = run_dir / name, 1
    while folder in taken or folder.exists():
        count += 1
        folder = run_dir / f"{name}-{count}"
    return folder
