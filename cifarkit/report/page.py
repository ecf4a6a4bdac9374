"""The page to hand in: one HTML file with everything in it, and no script."""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from cifarkit.data.splits import Splits
from cifarkit.errors import RunFolderError
from cifarkit.evaluation.calibration import calibrate
from cifarkit.evaluation.evaluation import evaluate
from cifarkit.evaluation.mistakes import confused_pairs
from cifarkit.models.summary import summary
from cifarkit.report.artefacts import as_png, draw_figures
from cifarkit.storage.atomic import write_text
from cifarkit.training.run import Run

__all__ = ["write_report"]


def write_report(run: Run, splits: Splits, path: str | Path | None = None) -> Path:
    """Evaluate a run on test and write the page to hand in.

    The page holds the result with its interval, the recipe, curves, confusion matrix, per-class
    table, samples, predictions, worst errors, layers and environment; it needs no network and no
    other file.

    Args:
        run: finished.
        splits: the data of the run.
        path: of a new page; `report.html` in the run's folder, written anew, when None.

    Returns:
        Where the page is.

    Raises:
        RunFolderError: there is nowhere to write, a file has the name, or the disk refuses.

    >>> import tempfile
    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.training.train import train
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> page = Path(tempfile.mkdtemp()) / "report.html"
    >>> write_report(train("linear", data, epochs=1), data, page) == page
    True
    """
    if path is None and run.folder is None:
        raise RunFolderError("the run has no folder; say with path= where the report shall go")
    if path is not None and Path(path).exists():
        raise RunFolderError(
            f"there is a {str(path)!r} already, and nothing is overwritten; choose another name"
        )
    target = Path(path) if path is not None else Path(run.folder or "") / "report.html"
    evaluation = evaluate(run.model, splits.test, test_time=run.recipe.test_time)
    figures = draw_figures(run, evaluation, splits)
    environment = Environment(
        loader=PackageLoader("cifarkit.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html.jinja").render(
        run=run,
        splits=splits,
        evaluation=evaluation,
        per_class=evaluation.per_class,
        pairs=confused_pairs(evaluation, 10),
        ece=calibrate(evaluation).ece,
        layers=str(summary(run.model)),
        figures={name: base64.b64encode(as_png(it)).decode() for name, it in figures.items()},
    )
    try:
        write_text(target, page)
    except OSError as error:
        raise RunFolderError(f"the report {str(target)!r} cannot be written: {error}") from error
    return target
