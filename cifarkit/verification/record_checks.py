"""Check that a run's files agree with each other and with the data, without a new evaluation."""

from __future__ import annotations

import json
import math

import numpy as np
import torch

from cifarkit.evaluation.intervals import wilson_interval
from cifarkit.findings import Finding
from cifarkit.models.contract import input_like
from cifarkit.models.registry import registry
from cifarkit.runs.folder import HISTORY
from cifarkit.runs.history import History, Record
from cifarkit.runs.test_access import looks_at_test
from cifarkit.runs.test_predictions import TEST_PREDICTIONS, TestPredictions
from cifarkit.storage.foreign_text import read_text
from cifarkit.verification.evidence import Evidence, judged, percent

__all__ = [
    "ROUNDING",
    "check_code",
    "check_data",
    "check_evaluation",
    "check_history",
    "check_test_access",
    "check_test_predictions",
    "check_record",
    "check_score",
]

ROUNDING = 2.0**-11  # the most that float16 rounds a number, as a share of the number
WHOLE = 0.99  # of the seconds of its epochs; a resumed epoch counts a moment that its run does not
CHANGED = "one of the two was changed after the run"


def check_data(evidence: Evidence) -> Finding:
    """Compare contents and split of the data with what the run was trained on."""
    recorded, splits = evidence.facts.data, evidence.splits
    here = f"{splits.name!r} ({splits.fingerprint[:12]})"
    if recorded["fingerprint"] == splits.fingerprint and evidence.run.classes == splits.classes:
        return judged("data", True, f"it was trained on {here}")
    theirs = f"{recorded['name']!r} ({str(recorded['fingerprint'])[:12]})"
    return judged(
        "data",
        False,
        f"it says it was trained on {theirs}; this is {here}: contents, classes or split differ",
        "load the run's own data, with the same val_size and split_seed",
    )


def check_test_predictions(evidence: Evidence) -> Finding:
    """Check that the test predictions are of this test set and agree with themselves."""
    test = evidence.splits.test
    fault = evidence.test_predictions.fault(test.labels.cpu().numpy(), len(test.classes))
    if fault:
        return judged(
            "test predictions",
            False,
            fault,
            f"this is not the {TEST_PREDICTIONS} that cifarkit wrote",
        )
    n = len(test)
    return judged(
        "test predictions", True, f"they are complete, with the labels of the {n:,} test images"
    )


def check_score(evidence: Evidence) -> Finding:
    """Compare the score in `run.json` with the score of the test predictions."""
    test_predictions, score = evidence.test_predictions, evidence.facts["test"]
    n, accuracy = len(test_predictions.labels), test_predictions.accuracy
    theirs = f"the test predictions score {percent(accuracy)} of {n:,} images"
    if (score["n"], score["accuracy"]) != (n, accuracy):
        message = f"run.json says accuracy {percent(score['accuracy'])} of {score['n']:,}; {theirs}"
        return judged("score", False, message, CHANGED)
    loss, reach = _loss_of(test_predictions)
    if not abs(score["loss"] - loss) <= reach:
        message = f"run.json says loss {score['loss']:.5f}; the test predictions give {loss:.5f}"
        return judged("score", False, f"{message}, within {reach:.5f} of rounding", CHANGED)
    return judged("score", True, f"run.json agrees: {theirs}, loss {score['loss']:.4f}")


def _loss_of(test_predictions: TestPredictions) -> tuple[float, float]:
    """Return the mean cross-entropy, and by how much rounding can change it."""
    logits = test_predictions.logits.astype(np.float64)
    largest = np.abs(logits).max(axis=1)
    top = logits.max(axis=1)
    right = np.take_along_axis(logits, test_predictions.labels[:, None], axis=1)[:, 0]
    losses = np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top - right
    # A loss changes at most twice as much as its logits; of clipped logits nothing is known.
    beyond = bool((largest >= np.finfo(np.float16).max).any())
    reach = float("inf") if beyond else 2 * ROUNDING * float(largest.mean()) + 1e-6
    return float(losses.mean()), reach


def check_evaluation(evidence: Evidence) -> Finding:
    """Compare `evaluation.json`, if there is one, with the other two files."""
    path = evidence.folder / "evaluation.json"
    if not path.exists():
        return Finding("evaluation", "not run", "there is no evaluation.json")
    recorded = json.loads(read_text(path))
    test_predictions, score = evidence.test_predictions, evidence.facts["test"]
    n, classes = test_predictions.logits.shape
    cells = test_predictions.labels * classes + test_predictions.predicted
    expected = {
        "part": "test",
        "n": n,
        "accuracy": test_predictions.accuracy,
        "loss": score["loss"],
        "accuracy_interval_95": list(wilson_interval(int(test_predictions.correct.sum()), n)),
        "confusion": np.bincount(cells, minlength=classes**2).reshape(classes, -1).tolist(),
    }
    others = [name for name, value in expected.items() if recorded.get(name) != value]
    if others:
        shown = f"says {others[0]} {recorded.get(others[0])}, expected is {expected[others[0]]}"
        message = "its confusion matrix differs" if others == ["confusion"] else f"it {shown}"
        return judged("evaluation", False, f"evaluation.json: {message}", CHANGED)
    return judged("evaluation", True, "evaluation.json says the same")


def check_history(evidence: Evidence) -> Finding:
    """Check the number of epochs, and search for numbers that no training gives."""
    history, planned = evidence.run.history, evidence.run.recipe.epochs
    if not (evidence.folder / HISTORY).exists():
        return judged("history", False, f"there is no {HISTORY}", "ask for the whole folder")
    hint = "rows were removed or added after the run"
    epochs = [record.get("epoch") for record in history]
    if epochs != list(range(1, len(epochs) + 1)):
        message = f"the epochs in {HISTORY} are not numbered 1, 2, 3, …"
        return judged("history", False, message, hint)
    finished = evidence.run.status == "finished"
    fits = len(epochs) == planned if finished else 1 <= len(epochs) <= planned
    if fits and (wrong := next(filter(None, map(_impossible, history)), "")):
        return judged("history", False, f"{HISTORY}, {wrong}", "it was changed after the run")
    expected = f"{planned}" if finished else f"1 to {planned} (stopped)"
    return judged("history", fits, f"{HISTORY} has {len(epochs)} of {expected} epochs", hint)


def _impossible(record: Record) -> str:
    """Describe a number of an epoch that no training gives, if there is one."""
    for name, number in record.items():
        part, _, kind = name.partition("_")
        is_share = part in ("train", "val", "test") and kind == "accuracy"
        is_amount = name in ("train_loss", "lr", "seconds")  # a loss on val may overflow
        if (is_share and not 0 <= number <= 1) or (is_amount and not 0 <= number < math.inf):
            return f"epoch {record['epoch']}: {name} cannot be {number:g}"
    return ""


def check_record(evidence: Evidence) -> Finding:
    """Check that `run.json` does not contradict itself."""
    recipe, facts = evidence.run.recipe, evidence.facts
    _, weights = input_like(evidence.run.model)
    is_double = weights == torch.float64
    if facts.precision is None or facts.seconds is None:
        message = "it does not say in which precision, or for how many seconds, the run trained"
    elif facts.precision == "float64" and not is_double:
        message = f"it trained in {facts.precision}, and its weights are {weights}"
    elif not is_double and recipe.precision not in ("auto", facts.precision):
        message = f"the recipe asks for {recipe.precision}, and it trained in {facts.precision}"
    elif not 0 < facts.seconds < math.inf:
        message = f"training cannot have taken {facts.seconds} s"
    elif facts.seconds < WHOLE * (epochs := _seconds_of_epochs(evidence.run.history)):
        message = f"training took {facts.seconds:.6g} s, and its epochs took {epochs:.6g} s"
    else:
        return judged("record", True, f"it trained in {facts.precision}, as the recipe allows")
    return judged("record", False, f"run.json: {message}", "it was changed after the run")


def _seconds_of_epochs(history: History) -> float:
    return sum(record.get("seconds", 0.0) for record in history)


def check_code(evidence: Evidence) -> Finding:
    """Compare the hash of the builder's code with the hash of the variant registered here."""
    described, variant = evidence.about["variant"], evidence.run.variant
    recorded, here = described.get("code"), variant.code if variant else None
    if recorded == here:
        message = f"{described['name']!r} has the same code here ({here})"
        if described["name"] not in registry:
            message = (
                f"{described['name']!r} is unknown here; a known variant has its code ({here})"
            )
        return judged("code", True, message)
    return judged(
        "code",
        False,
        f"it was trained on other code under the name {described['name']!r} ({recorded!r}, from "
        f"{described.get('source')!r}); here it is {here!r}",
        "import the file it was trained with (--import FILE), or install that version of cifarkit "
        f"({evidence.facts.environment['versions']['cifarkit']})",
    )


def check_test_access(evidence: Evidence) -> Finding:
    """Check that test did not steer the training."""
    looks = looks_at_test(evidence.run)
    readers = ", ".join(evidence.facts.test_read_by)
    read = f"; during training {readers} read test pictures" if readers else ""
    hint = "ask for its code, such as its callbacks; code that chooses must choose on val"
    return judged("test access", not looks.flagged, f"test: {looks}{read}", hint)
