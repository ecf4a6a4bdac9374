"""What the page of a run holds."""

from __future__ import annotations

from cifarkit.data.splits import Splits
from cifarkit.evaluation.calibration import calibrate
from cifarkit.evaluation.evaluation import check_finite, evaluate
from cifarkit.evaluation.mistakes import confused_pairs
from cifarkit.models.summary import summary
from cifarkit.report.artefacts import draw_figures
from cifarkit.report.rendering import rendered
from cifarkit.training.run import Run
from cifarkit.training.sealed_test import looks_at_test

__all__ = ["run_page"]


def run_page(run: Run, splits: Splits) -> str:
    """Evaluate a run on test and return its page as HTML."""
    evaluation = evaluate(run.model, splits.test, test_time=run.recipe.test_time)
    check_finite(evaluation.logits)
    name = run.variant.name if run.variant else "own model"
    return rendered(
        "run.html.jinja",
        figures=draw_figures(run, evaluation, splits),
        title=f"{name} on {splits.name}",
        subtitle=run.variant.summary if run.variant else "",
        data=splits.name,
        run=run,
        splits=splits,
        evaluation=evaluation,
        looks=looks_at_test(run),
        per_class=evaluation.per_class,
        pairs=confused_pairs(evaluation, 10),
        ece=calibrate(evaluation).ece,
        layers=str(summary(run.model)),
    )
