"""Check that the weights in a run folder give the numbers in the folder.

The network is evaluated again, perhaps on another device, by another version or with another
number of threads, which rounds sums differently. We measured how much the logits change, as a share
of their spread (the standard deviation of all logits), on 1,000 synthetic images. With weights
rounded to ten bits, as in a GPU's TF32, the median image changed by 0.01 % (`baseline`, `resnet20`)
to 0.12 % (`speedrun`), the worst by 0.3 %, and one image changed its class. With weights of another
seed, the median image changed by 66 % or more. No GPU was tried. Allowed are 1 % for the median
image, 5 % for the worst, and another class for one image in 500, at least one image. Within this,
0.2 points of accuracy can be forged; `retrain` finds that, too.
"""

from __future__ import annotations

import numpy as np

from cifarkit.evaluation.evaluation import Evaluation, measure
from cifarkit.findings import Finding
from cifarkit.runs.history import Record
from cifarkit.runs.test_predictions import TestPredictions
from cifarkit.verification.evidence import Evidence, judged, percent
from cifarkit.verification.record_checks import ROUNDING

__all__ = ["check_last_epoch", "check_weights"]

TYPICAL, WORST = 0.01, 0.05  # of the spread of the logits
IMAGES_PER_FLIP = 500
FLOAT32 = 1e-6  # how much a mean of float32 losses may differ


def check_weights(evidence: Evidence) -> Finding:
    """Compare an evaluation of the weights on test with the recorded test predictions."""
    now, kept = TestPredictions.of(evidence.on_test), evidence.test_predictions
    ours, theirs = (test_predictions.logits.astype(np.float64) for test_predictions in (now, kept))
    spread = float(ours.std())
    rounding = 2 * ROUNDING * np.maximum(np.abs(ours), np.abs(theirs)) + 1e-6
    gaps = np.maximum(np.abs(ours - theirs) - rounding, 0).max(axis=1)  # n
    n = len(gaps)
    flips = int((now.predicted != kept.predicted).sum())
    holds = bool(
        np.median(gaps) <= TYPICAL * spread
        and gaps.max() <= WORST * spread
        and flips <= _allowed_flips(n)
    )
    share = round(gaps.max() / spread if spread else gaps.max(), 6)
    message = (
        f"{flips:,} of {n:,} images in another class, logits up to {percent(share)} of their "
        "spread apart"
    )
    if holds:
        return judged("weights", True, f"they give the logits of the test predictions: {message}")
    return judged(
        "weights",
        False,
        f"they give other logits than the test predictions: {message}. They score "
        f"{percent(now.accuracy)}, the test predictions {percent(kept.accuracy)}. Allowed are "
        f"{_allowed_flips(n)} images and {percent(WORST)} of the logits' spread",
        "the weights or the test predictions are from another run, or were changed",
    )


def check_last_epoch(evidence: Evidence) -> Finding:
    """Compare the weights' results on val, and on test if tracked, with the history."""
    run, splits = evidence.run, evidence.splits
    epoch = evidence.facts.get("weights_of_epoch", len(run.history))
    if not 1 <= epoch <= len(run.history):
        message = f"run.json says the weights are from epoch {epoch} of {len(run.history)}"
        return judged("epoch", False, message, "a run that kept no epoch's weights has no result")
    record = run.history[epoch - 1]
    evaluations = {} if splits.val is None else {"val": measure(run.model, splits.val)}
    if "test_accuracy" in record and run.recipe.test_time is None:
        evaluations["test"] = evidence.on_test
    if not evaluations:
        return Finding("epoch", "not run", "there is no val set to compare the history on")
    row = f"history.csv, epoch {epoch}"
    others = [text for part, now in evaluations.items() if (text := _other(part, now, record))]
    if others:
        hint = "the history was changed, or the weights are from another run"
        return judged("epoch", False, f"{row}: {'; '.join(others)}", hint)
    numbers = f"{' and '.join(evaluations)} accuracy and loss"
    return judged("epoch", True, f"the weights give the {numbers} in {row}")


def _other(part: str, now: Evaluation, record: Record) -> str:
    """Describe how the numbers of a part differ from the history, if they do."""
    accuracy, loss = record.get(f"{part}_accuracy"), record.get(f"{part}_loss")
    if accuracy is None or loss is None:
        return f"it has no {part} numbers"
    if not abs(accuracy - now.accuracy) * len(now) <= _allowed_flips(len(now)) + 0.5:
        return f"{part} accuracy {percent(accuracy)}, but the weights give {percent(now.accuracy)}"
    # A loss changes at most twice as much as the logits.
    if not abs(loss - now.loss) <= 2 * TYPICAL * float(now.logits.std()) + FLOAT32:
        return f"{part} loss {loss:.4f}, but the weights give {now.loss:.4f}"
    return ""


def _allowed_flips(n: int) -> int:
    return max(1, n // IMAGES_PER_FLIP)
