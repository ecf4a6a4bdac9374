"""Score a run again from what its folder holds, and say what does not fit."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from cifarkit.arguments import checked_flag
from cifarkit.blocks import as_html
from cifarkit.data.splits import Splits, check_splits
from cifarkit.errors import CifarkitError, DataError, RunFolderError
from cifarkit.findings import Finding, table_of, tabulated
from cifarkit.guidance import explains_arguments
from cifarkit.renamed import RenamedAttribute
from cifarkit.runs.folder import RunFolder
from cifarkit.runs.run import OVER
from cifarkit.runs.test_predictions import TestPredictions
from cifarkit.storage.folders import expanded
from cifarkit.tables import printable
from cifarkit.training.engine.device import choose_device
from cifarkit.verification.evidence import Evidence, judged, percent
from cifarkit.verification.foreign_record import check_options, check_texts
from cifarkit.verification.record_checks import (
    check_code,
    check_data,
    check_evaluation,
    check_history,
    check_record,
    check_score,
    check_test_access,
    check_test_predictions,
)
from cifarkit.verification.repetition import Likeness, repeat
from cifarkit.verification.weight_checks import check_last_epoch, check_weights

__all__ = ["Verification", "unreadable", "verify"]

# Those of a stage mean something only when all before it have passed.
STAGES: tuple[dict[str, Callable[[Evidence], Finding]], ...] = (
    {"data": check_data},
    {"test predictions": check_test_predictions},
    {
        "record": check_record,
        "score": check_score,
        "evaluation": check_evaluation,
        "history": check_history,
        "code": check_code,
        "test access": check_test_access,
        "weights": check_weights,
        "epoch": check_last_epoch,
    },
)
WIDTH = 80


@dataclass(frozen=True, repr=False)
class Verification:
    """What was found about a run folder; `str()` is a table.

    Args:
        folder: that was looked at.
        findings: one for each check, in the order in which they were made.
        about: what `run.json` says; empty where it cannot be read.
        correct: how many test images got their own label, by the receipt; None without one.
        n: how many test images the receipt is of.
        repeated: how alike the run is to one that was trained again; None where none was.
        test_predictions: with what the network said of each test image; None without one.
        data: the name of the data that it was verified on.

    >>> found = Finding("run", "failed", "there is no run in 'runs/x'")
    >>> print(Verification(Path("runs/x"), (found,)))
    runs/x: NOT VERIFIED
    run  failed   there is no run in 'runs/x'
    """

    folder: Path
    findings: tuple[Finding, ...]
    about: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    correct: int | None = None
    n: int | None = None
    repeated: Likeness | None = None
    test_predictions: TestPredictions | None = field(default=None, repr=False, compare=False)
    data: str = ""

    receipt = RenamedAttribute("test_predictions")

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against the run."""
        return all(one.outcome != "failed" for one in self.findings)

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The findings that speak against it."""
        return tuple(one for one in self.findings if one.outcome == "failed")

    @property
    def accuracy(self) -> float | None:
        """The test accuracy by the test predictions, in [0, 1]; None without one."""
        return None if self.correct is None or not self.n else self.correct / self.n

    def to_json(self) -> dict[str, Any]:
        """Return the findings as JSON types, with what the run says it is."""
        variant = self.about.get("variant") or {}
        return {
            "folder": str(self.folder),
            "variant": variant.get("name"),
            "seed": self.about.get("seed"),
            "data": self.data or None,
            "passed": self.passed,
            "accuracy": self.accuracy,
            "n": self.n,
            "repeated": self.repeated,
            "findings": [asdict(one) for one in self.findings],
        }

    def __str__(self) -> str:
        head = f"{printable(self.folder)}: {self.verdict}"
        return "\n".join([head, *tabulated(self.findings, WIDTH)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(f"{self.folder}: {self.verdict}", table_of(self.findings))

    @property
    def verdict(self) -> str:
        """Whether it is verified, with its score, in words."""
        if not self.passed or self.accuracy is None:
            return "NOT VERIFIED"
        score = f"verified, test accuracy {percent(self.accuracy)} on {self.data} (n = {self.n:,})"
        return f"{score}, {self.repeated}" if self.repeated else score


@explains_arguments("ck.verify")
def verify(
    folder: str | Path, splits: Splits, *, retrain: bool = False, device: str = "auto"
) -> Verification:
    """Look whether a run folder is what a training leaves; nothing in it is changed.

    The run must be over and of this data; the receipt must be whole, of this test set, and score
    what `run.json` and `evaluation.json` say; the history must have its epochs; the code of the
    variant must be that registered here; training must not have been steered by test; and the
    weights, evaluated again, must give the receipt's logits and the history's val numbers. What
    this cannot tell is what the weights were trained on.

    Args:
        folder: of the run.
        splits: the data it should be of.
        retrain: train it again, too, and say whether the weights are bitwise equal, the score is
            within seed noise, or different; the last is a failure, and so is a run that cannot be
            repeated from its record.
        device: to evaluate and train on: `"auto"` or a torch device.

    Returns:
        The findings. A broken folder is a failed finding, not an error.

    Raises:
        DataError: `splits` are not splits, or `retrain` is neither True nor False.
        TrainingError: the device cannot be used here.

    >>> import tempfile
    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.runs.test_access import score_on_test
    >>> from cifarkit.training.train import train
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> folder = Path(tempfile.mkdtemp()) / "run"
    >>> evaluation = score_on_test(train("linear", data, epochs=1, run_dir=folder), data)
    >>> verification = verify(folder, data, retrain=True)
    >>> verification.passed, verification.repeated
    (True, 'bitwise equal')
    """
    check_splits(splits)
    checked_flag("retrain", retrain, error=DataError)
    place = choose_device(device)
    folder = expanded(folder)
    try:
        evidence = _read(folder, splits, place)
    except Exception as error:  # noqa: BLE001 - neither the folder nor the model is our code
        return unreadable(folder, error)
    findings = [judged("run", True, f"{evidence.run.status}, seed {evidence.run.seed}")]
    for stage in STAGES:
        findings += [_made(name, check, evidence) for name, check in stage.items()]
        if any(one.outcome == "failed" for one in findings):
            break
    else:
        if retrain:
            return _with_repetition(evidence, findings, place)
    return _verification(evidence, findings)


def unreadable(folder: Path, error: Exception) -> Verification:
    """Return the verification of what cannot even be read."""
    return Verification(folder, (judged("run", False, _in_words(error), _hint(folder)),))


def _read(folder: Path, splits: Splits, device: torch.device) -> Evidence:
    about = RunFolder(folder).about()
    check_texts(about)
    status = about["facts"]["status"]
    if status not in OVER:
        raise RunFolderError(f"the run is not over: it is {status!r}; cifarkit resume goes on")
    if about["variant"] is None:
        raise RunFolderError(
            "the run is of a network without a registered name, which cannot be built here; "
            "register its builder (ck.register_model) and train it by name"
        )
    if about["classes"] != list(splits.classes):  # before a network of so many is built
        raise RunFolderError(
            f"the run is of other classes than {splits.name!r}; load the run's own data"
        )
    check_options(about["variant"]["options"])
    run = RunFolder(folder).load()
    run.model.to(device)
    return Evidence(folder, about, run, splits)


def _made(name: str, check: Callable[[Evidence], Finding], evidence: Evidence) -> Finding:
    """Make a check; a file or a model that breaks it has failed it."""
    try:
        return check(evidence)
    except Exception as error:  # noqa: BLE001 - neither the folder nor the model is our code
        return judged(name, False, _in_words(error))


def _with_repetition(
    evidence: Evidence, findings: list[Finding], device: torch.device
) -> Verification:
    repeated = None
    try:
        repeated, more = repeat(evidence, device)
    except Exception as error:  # noqa: BLE001 - neither the folder nor the model is our code
        more = [judged("repeated", False, f"training it again failed: {_in_words(error)}")]
    return _verification(evidence, [*findings, *more], repeated)


def _verification(
    evidence: Evidence, findings: list[Finding], repeated: Likeness | None = None
) -> Verification:
    test_predictions = None
    if any(one.check == "test predictions" and one.outcome == "passed" for one in findings):
        test_predictions = evidence.test_predictions
    return Verification(
        evidence.folder,
        tuple(findings),
        evidence.about,
        correct=None if test_predictions is None else int(test_predictions.correct.sum()),
        n=None if test_predictions is None else len(test_predictions.labels),
        repeated=repeated,
        test_predictions=test_predictions,
        data=evidence.splits.name,
    )


def _in_words(error: Exception) -> str:
    if isinstance(error, CifarkitError):
        return str(error)
    return f"it cannot be read or used: {type(error).__name__}: {error}"


def _hint(folder: Path) -> str:
    """Say what to name in place of something that is no run folder."""
    try:
        if folder.is_file():
            return "it is a file; unpack what it holds, or name folders alone: runs/*/"
        below = any(folder.glob("*/run.json"))
    except OSError:  # such as a name too long for any disk
        return ""
    return f"it holds runs; name them: {shlex.quote(str(folder))}/*" if below else ""
