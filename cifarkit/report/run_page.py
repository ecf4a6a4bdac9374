"""The contents of the page of a run."""

from __future__ import annotations

from cifarkit.data.near_duplicates import known_near_duplicates
from cifarkit.data.splits import Splits
from cifarkit.errors import TrainingError
from cifarkit.evaluation.calibration import calibrate
from cifarkit.evaluation.evaluation import check_finite, evaluate
from cifarkit.evaluation.mistakes import confused_pairs
from cifarkit.models.summary import summary
from cifarkit.plots.series import train_loss_of
from cifarkit.report.artefacts import draw_figures
from cifarkit.report.live.program import live_program
from cifarkit.report.live.section import first_of_each_class, live_part
from cifarkit.report.rendering import rendered
from cifarkit.report.words import Words
from cifarkit.runs.run import Run
from cifarkit.runs.test_access import looks_at_test

__all__ = ["run_page"]


def run_page(run: Run, splits: Splits, words: Words, *, live: bool = False) -> str:
    """Evaluate a run and return its page as HTML: on test, or on val while it can be resumed.

    Args:
        run: the run, with its network.
        splits: the data of the run.
        words: the author's words.
        live: whether the network runs in the page.

    Raises:
        TrainingError: the run can be resumed, and there is no val.
        ExportError: the network cannot run in a page.
    """
    part, shown, views = "test", splits.test, run.recipe.test_time
    if run.can_be_resumed:
        if splits.val is None:
            raise TrainingError(
                f"test is evaluated only when training is over, the run is {run.status}, and there "
                "is no val set to evaluate instead; finish the run first"
            )
        part, shown, views = "val", splits.val, None
    program = live_program(run.model, shown.classes) if live else None  # refused before the work
    evaluation = evaluate(run.model, shown, test_time=views)
    check_finite(evaluation.logits)
    name = run.variant.name if run.variant else "own model"
    return rendered(
        "run.html.jinja",
        figures=draw_figures(run, evaluation, shown, splits),
        title=f"{name} on {splits.name}",
        subtitle=run.variant.summary if run.variant else "",
        words=words,
        data=splits.name,
        run=run,
        splits=splits,
        near=known_near_duplicates(splits.fingerprint) if part == "test" else None,
        part=part,
        evaluation=evaluation,
        looks=looks_at_test(run),
        train_loss=train_loss_of(run),
        per_class=evaluation.per_class,
        pairs=confused_pairs(evaluation, 10),
        ece=calibrate(evaluation).ece,
        layers=str(summary(run.model)),
        live=live_part(program, first_of_each_class(shown)) if program else None,
    )
