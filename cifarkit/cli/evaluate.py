"""`cifarkit evaluate`."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cifarkit.cli.data_source import load_for_run
from cifarkit.cli.options import AsJson, ImportFile, OtherData, RunFolderArgument, import_models
from cifarkit.cli.saying import echo
from cifarkit.errors import DataError, TrainingError
from cifarkit.tables import percent

if TYPE_CHECKING:
    from cifarkit.evaluation.evaluation import Evaluation

__all__ = ["describe", "evaluate"]


class Part(StrEnum):
    """A part of the splits."""

    train = "train"
    val = "val"
    test = "test"


def evaluate(
    run: RunFolderArgument,
    on: Annotated[Part, typer.Option(help="Which images.")] = Part.test,
    data: OtherData = None,
    as_json: AsJson = False,
    imported: ImportFile = None,
) -> None:
    """Evaluate a trained run: accuracy with its interval, and the classification report."""
    import_models(imported)
    from cifarkit.evaluation.evaluation import check_finite
    from cifarkit.evaluation.evaluation import evaluate as evaluate_model
    from cifarkit.report.artefacts import evaluation_to_json
    from cifarkit.runs.folder import load_run

    trained = load_run(run)
    splits = load_for_run(trained, data)
    image_set = getattr(splits, on.value)
    if image_set is None:
        raise DataError(f"{splits.name!r} was loaded without a val set")
    if on == Part.test and trained.can_be_resumed:
        raise TrainingError(
            f"test is evaluated only when training is over, and the run in {str(run)!r} is "
            f"{trained.status}; write --on val, or finish it first: cifarkit resume"
        )
    views = trained.recipe.test_time if on == Part.test else None  # val as in the history
    evaluation = evaluate_model(trained.model, image_set, test_time=views)
    check_finite(evaluation.logits)
    if as_json:
        echo(json.dumps(evaluation_to_json(evaluation, on.value, splits.name)))
    else:
        echo(describe(evaluation, on.value, splits.name))


def describe(evaluation: Evaluation, part: str, name: str) -> str:
    """Return an evaluation as text: the accuracy, the report, and the confused classes."""
    from cifarkit.evaluation.mistakes import confused_pairs

    pairs = "\n".join(f"  {pair}" for pair in confused_pairs(evaluation, 5))
    return (
        f"\n{part} accuracy {percent(evaluation.accuracy)} on {name} "
        f"(n = {len(evaluation):,}, 95 % interval {evaluation.accuracy_interval}), "
        f"{part} loss {evaluation.loss:.4f}\n\n{evaluation.report()}"
        + (f"\nmost often mixed up:\n{pairs}" if pairs else "")
    )
