"""Score a run again from its folder, and report what does not fit."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from cifarkit.arguments import checked
from cifarkit.blocks import as_html
from cifarkit.data.splits import Splits, check_splits
from cifarkit.errors import CifarkitError, RunFolderError
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
from cifarkit.verification.weight_sample import WeightSample, sample_weights

__all__ = ["Verification", "unreadable", "verify"]

# The checks of a stage mean something only when all earlier stages have passed.
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
    """The findings about a run folder; `str()` is a table.

    Args:
        folder: the run's folder.
        findings: one for each check, in the order of the checks.
        about: the contents of `run.json`; empty if it cannot be read.
        correct: how many test images were predicted correctly; None without test predictions.
        n: how many test images the test predictions are of.
        repeated: how similar the run and its repetition are; None if it was not trained again.
        test_predictions: what the network predicted for each test image; None without them.
        data: the name of the data that it was verified on.
        weights: a sample of its weights, by which copies of it are found.

    >>> finding = Finding("run", "failed", "there is no run in 'runs/x'")
    >>> print(Verification(Path("runs/x"), (finding,)))
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
    weights: WeightSample | None = field(default=None, repr=False, compare=False)

    receipt = RenamedAttribute("test_predictions")

    @property
    def passed(self) -> bool:
        """Whether no check has failed."""
        return all(finding.outcome != "failed" for finding in self.findings)

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The findings of the checks that have failed."""
        return tuple(finding for finding in self.findings if finding.outcome == "failed")

    @property
    def accuracy(self) -> float | None:
        """The accuracy of the test predictions, in [0, 1]; None without them."""
        return None if self.correct is None or not self.n else self.correct / self.n

    def to_json(self) -> dict[str, Any]:
        """Return the findings as JSON types, with what the run's record says."""
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
            "findings": [asdict(finding) for finding in self.findings],
        }

    def __str__(self) -> str:
        head = f"{printable(self.folder)}: {self.verdict}"
        return "\n".join([head, *tabulated(self.findings, WIDTH)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(f"{self.folder}: {self.verdict}", table_of(self.findings))

    @property
    def verdict(self) -> str:
        """Whether the run is verified, with its score, in words."""
        if not self.passed or self.accuracy is None:
            return "NOT VERIFIED"
        score = f"verified, test accuracy {percent(self.accuracy)} on {self.data} (n = {self.n:,})"
        return f"{score}, {self.repeated}" if self.repeated else score


@explains_arguments("ck.verify")
def verify(
    folder: str | Path, splits: Splits, *, retrain: bool = False, device: str = "auto"
) -> Verification:
    """Check that a run folder is the result of a training; change nothing in it.

    The run must be over and trained on this data. The test predictions must be complete, of this
    test set, and have the score in `run.json` and `evaluation.json`. The history must have its
    epochs. The code of the variant must be the code registered here. Test must not have influenced
    the training. And the weights, evaluated again, must give the logits of the test predictions and
    the history's val numbers. This cannot show what the weights were trained on.

    Args:
        folder: the run's folder.
        splits: the data that the run should be trained on.
        retrain: also train it again, and report whether the weights are bitwise equal, or the score
            is within seed noise or different. A different score is a failure, and so is a run
            that cannot be repeated from its record.
        device: the device to evaluate and train on: `"auto"` or a torch device.

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
    checked("retrain", retrain, bool)
    chosen_device = choose_device(device)
    folder = expanded(folder)
    try:
        evidence = _read(folder, splits, chosen_device)
    except Exception as error:  # noqa: BLE001 - neither the folder nor the model is our code
        return unreadable(folder, error)
    findings = [judged("run", True, f"{evidence.run.status}, seed {evidence.run.seed}")]
    for stage in STAGES:
        findings += [_made(name, check, evidence) for name, check in stage.items()]
        if any(finding.outcome == "failed" for finding in findings):
            break
    else:
        if retrain:
            return _with_repetition(evidence, findings, chosen_device)
    return _verification(evidence, findings)


def unreadable(folder: Path, error: Exception) -> Verification:
    """Return the verification of a folder that cannot be read."""
    return Verification(folder, (judged("run", False, _in_words(error), _hint(folder)),))


def _read(folder: Path, splits: Splits, device: torch.device) -> Evidence:
    about = RunFolder(folder).about()
    check_texts(about)
    status = about["facts"]["status"]
    if status not in OVER:
        raise RunFolderError(
            f"the run is not over: it is {status!r}; resume it with cifarkit resume"
        )
    if about["variant"] is None:
        raise RunFolderError(
            "the run's network has no registered name, so it cannot be built here; register its "
            "builder (ck.register_model) and train it by name"
        )
    if about["classes"] != list(splits.classes):  # before a network with that many classes is built
        raise RunFolderError(
            f"the run has other classes than {splits.name!r}; load the run's own data"
        )
    check_options(about["variant"]["options"])
    run = RunFolder(folder).load()
    run.model.to(device)
    return Evidence(folder, about, run, splits)


def _made(name: str, check: Callable[[Evidence], Finding], evidence: Evidence) -> Finding:
    """Run a check; if a file or a network raises an error in it, the check has failed."""
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
    if ("test predictions", "passed") in [(each.check, each.outcome) for each in findings]:
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
        weights=None if test_predictions is None else _sample(evidence),
    )


def _sample(evidence: Evidence) -> WeightSample | None:
    try:
        return sample_weights(evidence.run)
    except Exception:  # noqa: BLE001 - the model is not our code
        return None


def _in_words(error: Exception) -> str:
    if isinstance(error, CifarkitError):
        return str(error)
    return f"it cannot be read or used: {type(error).__name__}: {error}"


def _hint(folder: Path) -> str:
    """Return what to type instead of a path that is not a run folder."""
    try:
        if folder.is_file():
            return "it is a file; unpack it if it is an archive, or name only folders: runs/*/"
        below = any(folder.glob("*/run.json"))
    except OSError:  # such as a name too long for any disk
        return ""
    return f"it holds runs; name them: {shlex.quote(str(folder))}/*" if below else ""
