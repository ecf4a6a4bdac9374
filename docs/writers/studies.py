"""Recorded comparisons of variants: what each study is about, and the numbers in its record."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from writers import records

__all__ = ["STUDIES", "Curve", "Study", "by_own_recipe", "recorded"]


class About(NamedTuple):
    """What a study is about: its title, why it was done, and which charts show its findings."""

    title: str
    why: str
    charts: tuple[str, ...]


ALL_CHARTS = ("accuracies", "differences", "train_loss", "val_loss", "val_accuracy", "seconds")
STUDIES = {
    "assignment": About(
        "The four variants of the assignment",
        "Each differs from `baseline` in a single factor, and each is trained by its own recipe.",
        ALL_CHARTS,
    ),
    "others": About(
        "Simpler and faster networks",
        "These are other networks altogether, some with another recipe. They show how far you get "
        "with less, and with more.",
        tuple(chart for chart in ALL_CHARTS if chart != "differences"),
    ),
    "longer": About(
        "The four variants, trained longer",
        "The same networks with three times as many epochs, and a learning rate that rises and "
        "falls (`OneCycle`). Does the order stay?",
        ALL_CHARTS,
    ),
    "a-a": About(
        "The same network twice",
        "`baseline-again` is `baseline` with other first weights. So any difference is chance. "
        "This is called an A/A test, and a fair comparison finds nothing here.",
        ("accuracies", "differences"),
    ),
}
OWN_RECIPES = ("assignment", "others")  # where each variant is trained as it comes


class Curve(NamedTuple):
    """A column of the history over the seeds of a variant: mean, least and most in each epoch."""

    epochs: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]

    def times(self, factor: float) -> Curve:
        """Return the curve in another unit."""
        scaled = [[factor * value for value in values] for values in self[1:]]
        return Curve(self.epochs, *scaled)


@dataclass(frozen=True)
class Study:
    """The record of a comparison: what `comparison.json` and `details.json` hold."""

    name: str

    @cached_property
    def document(self) -> dict[str, Any]:
        """What cifarkit itself says of the comparison."""
        return _read(self.name, "comparison.json")

    @cached_property
    def details(self) -> dict[str, Any] | None:
        """Histories and confusion matrices; None where they were not kept."""
        is_kept = (records.FOLDER / self.name / "details.json").is_file()
        return _read(self.name, "details.json") if is_kept else None

    @property
    def about(self) -> About:
        """What the study is about."""
        return STUDIES[self.name]

    @property
    def variants(self) -> dict[str, dict[str, Any]]:
        """The row of each variant: mean, interval, cost."""
        return {row["name"]: row for row in self.document["variants"]}

    @property
    def pairs(self) -> list[dict[str, Any]]:
        """The pairs with their verdicts."""
        return list(self.document["pairs"])

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return list(self.document["data"]["classes"])

    @cached_property
    def scores(self) -> dict[str, dict[int, float]]:
        """Test accuracy of each variant, by seed."""
        found: dict[str, dict[int, float]] = {name: {} for name in self.variants}
        for run in sorted(self.document["runs"], key=lambda run: run["seed"]):
            found[run["variant"]][run["seed"]] = run["test_accuracy"]
        return found

    @property
    def is_of_one_machine(self) -> bool:
        """Whether the training times can be compared with each other."""
        keys = ("cpu", "device", "threads")
        environments = [run["environment"] for run in self.document["runs"]]
        return len({tuple(found[key] for key in keys) for found in environments}) == 1

    def curve(self, variant: str, column: str) -> Curve:
        """Return a column of the histories, over the epochs that all seeds have."""
        assert self.details is not None
        runs = list(self.details["histories"][variant].values())
        by_epoch = list(zip(*(run[column] for run in runs), strict=False))
        epochs = runs[0]["epoch"][: len(by_epoch)]

        def over_seeds(take: Callable[[tuple[float, ...]], float]) -> list[float]:
            return [take(values) for values in by_epoch]

        return Curve(epochs, over_seeds(statistics.fmean), over_seeds(min), over_seeds(max))

    def shares(self, variant: str) -> list[list[float]]:
        """Return which share of each class (row) was given each label (column), over all seeds."""
        assert self.details is not None
        matrix = self.details["confusion"][variant]
        return [[count / max(1, sum(row)) for count in row] for row in matrix]


def recorded() -> list[Study]:
    """Return the studies that have a record, in the order of the page."""
    return [Study(name) for name in STUDIES if _has_record(name)]


def by_own_recipe() -> dict[str, Study]:
    """Return for each variant that was trained by its own recipe the study with its numbers."""
    studies = [Study(name) for name in OWN_RECIPES if _has_record(name)]
    return {variant: study for study in studies for variant in study.variants}


def _has_record(name: str) -> bool:
    return (records.FOLDER / name / "comparison.json").is_file()


def _read(name: str, file: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((records.FOLDER / name / file).read_text("utf-8"))
    return found
