"""A job of a comparison: one variant and one seed, and the folder that its run is kept in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cifarkit.comparison.outcomes import Outcome
from cifarkit.data.splits import Splits
from cifarkit.errors import RunFolderError
from cifarkit.models.code import code_digest, printed
from cifarkit.models.variant import Variant
from cifarkit.randomness import fork_rng
from cifarkit.runs.environment import describe_environment
from cifarkit.runs.facts import Facts, is_user_code
from cifarkit.runs.folder import RunFolder
from cifarkit.runs.identity import is_known, key_of
from cifarkit.runs.run import OVER
from cifarkit.runs.test_predictions import TEST_PREDICTIONS
from cifarkit.training.callback import Callback, settings_of
from cifarkit.training.engine.device import precision_of
from cifarkit.warn import warn

__all__ = ["Job", "plan_jobs"]


@dataclass(frozen=True)
class Job:
    """What is to be trained, and where.

    Args:
        variant: the variant, with the recipe to train it by.
        seed: the seed of first weights, order, augmentation and dropout.
        device: a torch device.
        callbacks: this job's own copies.
        folder: the run's folder.
        key: a hash of everything that decides the run's result.
        is_done: whether the folder holds a run that is over and, if the job is scored, was scored.
        is_scored: whether test is evaluated at the end; it is not for the trials of a search.
    """

    variant: Variant
    seed: int
    device: str
    callbacks: tuple[Callback, ...]
    folder: Path
    key: str
    is_done: bool
    is_scored: bool = True

    @property
    def name(self) -> str:
        """Variant and seed in words."""
        return f"{self.variant.name} seed {self.seed}"


def plan_jobs(
    variants: Sequence[Variant],
    seeds: Iterable[int],
    splits: Splits,
    *,
    run_dir: Path,
    device: torch.device,
    callbacks: Sequence[Callback],
    is_scored: bool = True,
) -> list[Job]:
    """Find the folder of each job: that of an existing run, or a new one.

    An existing run is used when everything that decides its result is the same: name, options and
    code of the variant, recipe, seed, data and split, callbacks, device, and the versions of
    cifarkit and torch. Its record, history and test predictions must also fit each other and the
    test set.

    Args:
        variants: the variants, with the recipes to train them by.
        seeds: whole numbers.
        splits: the data.
        run_dir: the parent of all run folders.
        device: the device to train on.
        callbacks: every run's callbacks.
        is_scored: whether test is evaluated at the end of each run.

    Returns:
        One job for each variant and seed: all variants of the first seed, then of the next, so that
        at any time all variants have nearly the same number of runs.
    """
    there: dict[str, list[Path]] = {}
    for key, folder in _runs_in(run_dir):
        there.setdefault(key, []).append(folder)
    taken = {folder for folders in there.values() for folder in folders}
    precisions = {variant.name: _precision(variant, splits, device) for variant in variants}
    jobs = []
    listeners = tuple(callbacks)
    for seed in seeds:
        for variant in variants:
            precision = precisions[variant.name]
            key = key_of(_wanted(variant, seed, splits, device, callbacks, precision))
            found, is_done = _believed(there.get(key, []), variant, seed, splits, is_scored)
            place = found or _free_folder(run_dir, f"{variant.name}-seed{seed}", taken)
            taken.add(place)
            jobs.append(Job(variant, seed, str(device), listeners, place, key, is_done, is_scored))
    return jobs


def _runs_in(run_dir: Path) -> Iterator[tuple[str, Path]]:
    """Yield key and folder of each run; of runs with the same key, the best to use comes last."""
    found = []
    for file in run_dir.glob("*/run.json"):
        try:
            about = RunFolder(file.parent).about()
            facts: Facts = about["facts"]
            key = facts.cell or (is_known(about) and key_of(about))
            rank = (facts.status in OVER, (file.parent / TEST_PREDICTIONS).is_file(), file.parent)
        except RunFolderError as error:
            warn(f"the run in {str(file.parent)!r} is not used: {error}")
            continue
        if key:
            found.append((rank, key, file.parent))
    return ((key, folder) for _, key, folder in sorted(found))


def _believed(
    folders: Sequence[Path], variant: Variant, seed: int, splits: Splits, is_scored: bool
) -> tuple[Path | None, bool]:
    """Return a run whose files fit each other, and whether it is done; warn when there is none."""
    refused = []
    for folder in reversed(folders):
        try:
            return folder, _is_done(folder, variant, seed, splits, is_scored)
        except RunFolderError as error:
            refused.append(f"the run in {str(folder)!r} is not used, and trained again: {error}")
    for text in refused:
        warn(text)
    return None, False


def _is_done(folder: Path, variant: Variant, seed: int, splits: Splits, is_scored: bool) -> bool:
    """Return whether a run is over, and scored if it should be; else the job goes on with it.

    Raises:
        RunFolderError: its files do not fit each other, or the test set.
    """
    if RunFolder(folder).about()["facts"]["status"] not in OVER:
        return False
    if not is_scored:
        return True
    if not (folder / TEST_PREDICTIONS).is_file():
        return False
    Outcome.of(variant, seed, folder, splits.test.labels)
    return True


def _precision(variant: Variant, splits: Splits, device: torch.device) -> str:
    with fork_rng():
        model = variant.build(num_classes=len(splits.classes))
    return str(precision_of(model, variant.recipe, device)).removeprefix("torch.")


def _wanted(
    variant: Variant,
    seed: int,
    splits: Splits,
    device: torch.device,
    callbacks: Sequence[Callback],
    precision: str,
) -> dict[str, Any]:
    """Return the part of the future `run.json` from which the key of the run is made."""
    options = json.loads(json.dumps(dict(variant.options), default=printed))
    return {
        "variant": {"name": variant.name, "code": variant.code, "options": options},
        "recipe": variant.recipe.to_json(),
        "seed": seed,
        "facts": Facts(
            data={"fingerprint": splits.fingerprint},
            callbacks=[_settings(one) for one in callbacks],
            listeners=[one.to_json() for one in callbacks],
            environment=describe_environment(device),
            precision=precision,
        ),
    }


def _settings(callback: Callback) -> str:
    """Return a callback's settings, and, for the user's own callback, a hash of its code too."""
    settings = settings_of(callback)
    if not is_user_code(settings):
        return settings
    return f"{settings} {code_digest(type(callback), vars(callback))}"


def _free_folder(run_dir: Path, name: str, taken: set[Path]) -> Path:
    folder, count = run_dir / name, 1
    while folder in taken or folder.exists():
        count += 1
        folder = run_dir / f"{name}-{count}"
    return folder
