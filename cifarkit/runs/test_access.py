"""The sealed test set: evaluated once, when a run is over; every access is counted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cifarkit.data.splits import Splits, check_splits
from cifarkit.errors import (
    DataError,
    RunFolderError,
    TrainingError,
)
from cifarkit.evaluation.evaluation import Evaluation, check_finite, evaluate
from cifarkit.guidance import explains_arguments
from cifarkit.runs.facts import is_user_code
from cifarkit.runs.folder import RunFolder
from cifarkit.runs.run import Run
from cifarkit.runs.test_predictions import TEST_PREDICTIONS, TestPredictions
from cifarkit.warn import warn

__all__ = ["TestAccess", "looks_at_test", "score_on_test"]


class TestAccess(NamedTuple):
    """How often a run was evaluated on its test set, each time with other weights.

    Evaluating the same weights again gives the same numbers, and counts once.

    Attributes:
        epochs: how many evaluations there were during training.
        at_end: whether it was evaluated when training was over.
        flagged: whether test may have influenced training. Either code outside cifarkit read test
            pictures during training. Or test was observed, and there were callbacks that are not
            cifarkit's; and training was stopped, or its weights were chosen by a number that is not
            from train or val, or callbacks changed weights or settings.
        foreign: whether there were callbacks that are not cifarkit's, which may have evaluated test
            without a trace.

    >>> str(TestAccess(epochs=10, at_end=True, flagged=False))
    'observed each epoch (10)'
    """

    epochs: int
    at_end: bool
    flagged: bool
    foreign: bool = False

    def __str__(self) -> str:
        if self.flagged:
            return "may be selected on: flagged"
        if self.epochs:
            return f"observed each epoch ({self.epochs})"
        if not self.at_end:
            return "not looked at"
        return f"once at the end{', unless own callbacks looked too' if self.foreign else ''}"


@explains_arguments("ck.looks_at_test")
def looks_at_test(run: Run) -> TestAccess:
    """Count how often a run was evaluated on its test set.

    Args:
        run: a run from training, or from its folder.

    Raises:
        TrainingError: it is not a run.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.training.train import train
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> run = train("linear", data, epochs=2)
    >>> str(looks_at_test(run))
    'not looked at'
    >>> evaluation = score_on_test(run, data)
    >>> str(looks_at_test(run))
    'once at the end'
    >>> str(looks_at_test(train("linear", data, epochs=2, track_test=True)))
    'observed each epoch (2)'
    """
    if not isinstance(run, Run):
        raise TrainingError(f"a run is needed, found {run!r}; ck.load_run reads one")
    observed = sum("test_accuracy" in record for record in run.history)
    observed += len(run.facts.tests_before)  # before the run got more epochs
    kinds = [listener.kind for listener in run.facts.callbacks_as_values()]
    foreign = any(map(is_user_code, kinds))
    changed = bool(run.facts.changed_by_callbacks)
    is_steered = run.stopped is not None or changed or _chose_otherwise(run)
    flagged = bool(run.facts.test_read_by) or (bool(observed) and foreign and is_steered)
    return TestAccess(observed, run.facts.test is not None, flagged, foreign)


def _chose_otherwise(run: Run) -> bool:
    """Return whether the weights were chosen by a number that is not from train or val."""
    if not run.facts.weights_of_epoch:
        return False
    measured = [f"{part}_{number}" for part in ("train", "val") for number in ("loss", "accuracy")]
    if run.facts.weights_chosen_by is not None:
        return run.facts.weights_chosen_by not in measured
    # The record of an earlier version does not name the column.
    kinds = [listener.kind for listener in run.facts.callbacks_as_values()]
    return not any(kind.endswith(".EarlyStopping") for kind in kinds)


@explains_arguments("ck.score_on_test")
def score_on_test(run: Run, splits: Splits) -> Evaluation:
    """Evaluate a finished training on test, once, and keep the test predictions in its folder.

    The file, `test_logits.safetensors`, holds the logits as float16, the predicted classes and
    the labels; `run.json` has the score. Earlier test predictions in the folder stay, and a warning
    says so if they are from other weights. Other evaluations leave no trace in the run.

    Args:
        run: a run whose training is over.
        splits: the data it was trained on.

    Returns:
        The evaluation, with the recipe's `test_time` views.

    Raises:
        TrainingError: it is not a run; or it is still training, or can be resumed, because test is
            only for the end.
        NonFiniteLossError: the network gives NaN or infinity for a test image.
        DataError: these are not splits, or not those the run was trained on.
        RunFolderError: a file cannot be written.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.training.train import train
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> run = train("linear", data, epochs=1)
    >>> score_on_test(run, data).accuracy == run.facts["test"]["accuracy"]
    True
    """
    check_splits(splits)
    if not isinstance(run, Run):
        raise TrainingError(
            f"what is scored is a run, as ck.train returns, found {type(run).__name__}"
        )
    if run.is_training:
        raise TrainingError(
            "score_on_test is for a run that is over; to choose during training, write "
            "ck.evaluate(run.model, splits.val)"
        )
    if run.can_be_resumed:
        raise TrainingError(
            f"score_on_test is for a run that is over, and the run in {str(run.folder)!r} is "
            f"{run.status}. Go on with it (resume=True, or cifarkit resume); to measure it as it "
            "is, write ck.evaluate(run.model, splits.val)"
        )
    recorded = run.facts.data
    if splits.fingerprint != recorded["fingerprint"]:
        raise DataError(
            f"{splits.name!r} is not what the run was trained on ({recorded['name']!r}), or has "
            "another split. Its test set may hold images that the run has learnt from; load the "
            "run's own data, with the same val_size and split_seed"
        )
    evaluation = evaluate(run.model, splits.test, test_time=run.recipe.test_time)
    check_finite(evaluation.logits)
    now, kept = TestPredictions.of(evaluation), _earlier_predictions(run)
    if kept is None:
        score = {"n": len(evaluation), "accuracy": evaluation.accuracy, "loss": evaluation.loss}
        run.facts.test = score
        if run.folder is not None:
            now.save(run.folder)
            RunFolder(run.folder).save(run)
    elif not np.array_equal(kept.logits, now.logits) and not kept.has_same_logits_as(now):
        warn(
            f"{str(run.folder)!r} keeps the test predictions of other weights; delete "
            f"{TEST_PREDICTIONS} in it to score these weights instead",
        )
    return evaluation


def _earlier_predictions(run: Run) -> TestPredictions | None:
    """Return the test predictions in a scored run's folder; None if they are missing or damaged."""
    if run.folder is None or run.facts.test is None:
        return None
    try:
        return TestPredictions.load(run.folder)
    except RunFolderError:
        return None
