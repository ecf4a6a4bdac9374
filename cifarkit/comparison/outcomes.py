"""What the run of one cell brought, read from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from cifarkit.errors import RunFolderError
from cifarkit.models.variant import Variant
from cifarkit.runs.folder import HISTORY, RunFolder
from cifarkit.runs.history import History
from cifarkit.runs.run import Run
from cifarkit.runs.test_access import Looks, looks_at_test
from cifarkit.runs.test_predictions import Receipt
from cifarkit.tables import percent

__all__ = ["Outcome"]


@dataclass(frozen=True, eq=False, repr=False)
class Outcome:
    """One variant, one seed, trained and scored.

    Args:
        variant: with its recipe.
        seed: of the run.
        folder: where the run is.
        facts: what else `run.json` says.
        history: one record an epoch.
        receipt: what it said of each test image.
        looks: how often test was looked at.

    >>> import numpy as np
    >>> from cifarkit.models.registry import get_variant
    >>> right = np.array([0, 1])
    >>> receipt = Receipt(np.eye(2, 10, dtype=np.float16), right, right)
    >>> folder, history, looks = Path("runs/one"), History(), Looks(0, at_end=True, flagged=False)
    >>> Outcome(get_variant("mlp"), 0, folder, {"seconds": 9.0}, history, receipt, looks).accuracy
    1.0
    """

    variant: Variant
    seed: int
    folder: Path
    facts: dict[str, Any]
    history: History
    receipt: Receipt
    looks: Looks

    @classmethod
    def of(cls, variant: Variant, seed: int, folder: Path, labels: Tensor) -> Outcome:
        """Read the folder of a run that is over, and look whether its files fit each other.

        Args:
            variant: with the recipe it was trained by.
            seed: of the run.
            folder: where the run is.
            labels: of the test images, int64 `n`.

        Raises:
            RunFolderError: it cannot be read, or something in it was changed or damaged.
        """
        try:
            about = RunFolder(folder).about()
            facts, history = about["facts"], History.from_csv(folder / HISTORY)
            receipt = Receipt.load(folder)
            wrong = _misfits(about, seed, history, receipt, labels)
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
        return cls(variant, seed, folder, facts, history, receipt, looks)

    def __repr__(self) -> str:
        scored = f"test accuracy {percent(self.accuracy)}"
        return f"Outcome({self.variant.name!r}, seed {self.seed}, {scored}, {str(self.folder)!r})"

    @property
    def accuracy(self) -> float:
        """Accuracy on test at the end, in [0, 1]."""
        return self.receipt.accuracy

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
        model = self.variant.build(num_classes=self.receipt.logits.shape[1])
        like = Run(
            model,
            classes=(),
            recipe=self.variant.recipe,
            seed=self.seed,
            variant=self.variant,
        )
        return RunFolder(self.folder).load(like=like)


def _misfits(
    about: dict[str, Any], seed: int, history: History, receipt: Receipt, labels: Tensor
) -> str:
    """Return what does not fit, in words; nothing when all does."""
    facts = about["facts"]
    environment = facts["environment"]
    fault = receipt.fault(labels.cpu().numpy(), len(about["classes"]))
    checks = {
        f"run.json has seed {about['seed']}": about["seed"] == seed,
        f"training took {facts['seconds']!r} seconds": isinstance(facts["seconds"], int | float),
        "run.json does not say device, cpu, threads, precision and versions": (
            {"device", "cpu", "threads", "versions"} <= environment.keys()
            and {"torch", "cifarkit"} <= environment["versions"].keys()
            and "precision" in facts
        ),
        f"history.csv has {len(history)} epochs": facts["status"] == "stopped"
        or len(history) == about["recipe"]["epochs"],
        f"the receipt cannot be right: {fault}": not fault,
        "run.json has another score than the receipt": facts["test"]["accuracy"]
        == receipt.accuracy,
    }
    return next((text for text, holds in checks.items() if not holds), "")
