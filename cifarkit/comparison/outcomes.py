"""The finished run of a job, read from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from cifarkit.errors import RunFolderError
from cifarkit.models.variant import Variant
from cifarkit.renamed import RenamedAttribute
from cifarkit.runs.facts import Facts
from cifarkit.runs.folder import HISTORY, RunFolder
from cifarkit.runs.history import History
from cifarkit.runs.run import Run
from cifarkit.runs.test_access import TestAccess, looks_at_test
from cifarkit.runs.test_predictions import TestPredictions
from cifarkit.tables import percent

__all__ = ["Outcome"]


@dataclass(frozen=True, eq=False, repr=False)
class Outcome:
    """The finished run of one variant and one seed, with its test score.

    Args:
        variant: the variant, with its recipe.
        seed: the seed of the run.
        folder: where the run is.
        facts: the facts in `run.json`.
        history: one record an epoch.
        test_predictions: what the network predicted for each test image.
        looks: how often test was evaluated, as `TestAccess`.

    >>> import numpy as np
    >>> from cifarkit.runs.facts import Facts
    >>> from cifarkit.models.registry import get_variant
    >>> right = np.array([0, 1])
    >>> predictions = TestPredictions(np.eye(2, 10, dtype=np.float16), right, right)
    >>> once = TestAccess(0, at_end=True, flagged=False)
    >>> facts, folder = Facts(seconds=9.0), Path("runs/one")
    >>> Outcome(get_variant("mlp"), 0, folder, facts, History(), predictions, once).accuracy
    1.0
    """

    variant: Variant
    seed: int
    folder: Path
    facts: Facts
    history: History
    test_predictions: TestPredictions
    looks: TestAccess

    receipt = RenamedAttribute("test_predictions")

    @classmethod
    def of(cls, variant: Variant, seed: int, folder: Path, labels: Tensor) -> Outcome:
        """Read the folder of a finished run, and check that its files agree with each other.

        Args:
            variant: the variant, with the recipe it was trained by.
            seed: the seed of the run.
            folder: where the run is.
            labels: the labels of the test images, int64 `n`.

        Raises:
            RunFolderError: the folder cannot be read, or a file in it was changed or damaged.
        """
        try:
            about = RunFolder(folder).about()
            facts, history = about["facts"], History.from_csv(folder / HISTORY)
            test_predictions = TestPredictions.load(folder)
            wrong = _misfits(about, seed, history, test_predictions, labels)
            run = Run(
                None,
                classes=tuple(about["classes"]),
                recipe=variant.recipe,
                seed=seed,
                variant=variant,
                history=history,
                folder=folder,
                facts=facts,
            )
            looks = looks_at_test(run)
        except RunFolderError:
            raise
        except (OSError, KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
            raise RunFolderError(
                f"{str(folder)!r} cannot be read: {type(error).__name__}: {error}"
            ) from error
        if wrong:
            raise RunFolderError(f"in {str(folder)!r} {wrong}")
        return cls(variant, seed, folder, facts, history, test_predictions, looks)

    def __repr__(self) -> str:
        scored = f"test accuracy {percent(self.accuracy)}"
        return f"Outcome({self.variant.name!r}, seed {self.seed}, {scored}, {str(self.folder)!r})"

    @property
    def accuracy(self) -> float:
        """Accuracy on test at the end, in [0, 1]."""
        return self.test_predictions.accuracy

    @property
    def val_accuracy(self) -> float | None:
        """Accuracy on val in the last epoch, in [0, 1]; None where there is no val."""
        return self.history[-1].get("val_accuracy") if len(self.history) else None

    @property
    def seconds(self) -> float:
        """How long training took."""
        return float(self.facts["seconds"])

    def run(self) -> Run:
        """Return the run with its network and weights."""
        model = self.variant.build(num_classes=self.test_predictions.logits.shape[1])
        like = Run(
            model,
            classes=(),
            recipe=self.variant.recipe,
            seed=self.seed,
            variant=self.variant,
        )
        return RunFolder(self.folder).load(like=like)


def _misfits(
    about: dict[str, Any],
    seed: int,
    history: History,
    test_predictions: TestPredictions,
    labels: Tensor,
) -> str:
    """Return in a sentence what does not fit; an empty text when everything fits."""
    facts: Facts = about["facts"]
    fault = test_predictions.fault(labels.cpu().numpy(), len(about["classes"]))
    checks = {
        f"run.json has seed {about['seed']}": about["seed"] == seed,
        "run.json does not say how many seconds training took": facts.seconds is not None,
        "run.json does not say precision and versions": (
            {"torch", "cifarkit"} <= facts.environment["versions"].keys()
            and facts.precision is not None
        ),
        f"history.csv has {len(history)} epochs": facts.status == "stopped"
        or len(history) == about["recipe"]["epochs"],
        f"the test predictions cannot be right: {fault}": not fault,
        "run.json has another score than the test predictions": facts.test is not None
        and facts.test["accuracy"] == test_predictions.accuracy,
    }
    return next((text for text, holds in checks.items() if not holds), "")
