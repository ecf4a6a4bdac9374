"""The figures of a run, and its evaluation as JSON."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from cifarkit import plots
from cifarkit.data.image_set import ImageSet
from cifarkit.data.splits import Splits
from cifarkit.errors import ModelContractError
from cifarkit.evaluation.calibration import calibrate
from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.plots.lettering import balanced
from cifarkit.plots.style import PLAIN, QUIET, SMALL
from cifarkit.runs.folder import EVALUATION, unwritable
from cifarkit.runs.run import Run
from cifarkit.storage.atomic import write_bytes, write_text

__all__ = [
    "PIXELS_PER_INCH",
    "WIDTH",
    "as_png",
    "draw_figures",
    "evaluation_to_json",
    "save_artefacts",
    "sign",
]

PIXELS_PER_INCH = 200
WIDTH = 4.75  # inches: letters of 8 points are at least 9 pixels high on a page of 400 pixels
MANY = 24  # pictures, four in a row


def draw_figures(
    run: Run, evaluation: Evaluation, shown: ImageSet, splits: Splits
) -> dict[str, Figure]:
    """Draw every figure of a run, without pyplot.

    Args:
        run: the run, with its network.
        evaluation: the evaluation of the run.
        shown: the evaluated images.
        splits: the run's data.

    Returns:
        The figures by name, each with a line below it that names its origin.
    """
    classes = len(evaluation.classes)
    side = max(WIDTH, min(20.0, 0.3 * classes))
    figures = {
        name: Figure(figsize=size, layout="constrained", dpi=PIXELS_PER_INCH)
        for name, size in {
            "loss": (WIDTH, 3.6),
            "accuracy": (WIDTH, 3.6),
            "confusion": (side, side),
            "per_class": (WIDTH, min(20.0, 1.9 + 0.3 * classes)),
            "reliability": (WIDTH, 5.2),
        }.items()
    }
    if len(run.history):
        plots.curves(run, "loss", ax=figures["loss"].subplots())
        plots.curves(run, "accuracy", ax=figures["accuracy"].subplots())
    else:
        del figures["loss"], figures["accuracy"]
    plots.confusion(evaluation, ax=figures["confusion"].subplots())
    plots.per_class(evaluation, ax=figures["per_class"].subplots())
    plots.reliability(evaluation, ax=figures["reliability"].subplots())
    for name in ("samples", "predictions", "top_losses", "confused"):
        figures[name] = Figure(figsize=(WIDTH, WIDTH))  # the pictures set the height
    plots.samples(splits.train, n=MANY, figure=figures["samples"])
    plots.predictions(evaluation, shown, n=MANY, figure=figures["predictions"])
    plots.top_losses(evaluation, shown, n=MANY, figure=figures["top_losses"])
    plots.confused(evaluation, shown, n=4, figure=figures["confused"])
    with suppress(ModelContractError):  # not every network has a layer for a heat map
        figures["grad_cam"] = plots.grad_cam(
            run, evaluation, shown, n=4, figure=Figure(figsize=(WIDTH, WIDTH))
        )
    for figure in figures.values():
        sign(figure, _origin(run, splits))
    return figures


def sign(figure: Figure, origin: str) -> None:
    """Write the origin of a figure below it."""
    lines = balanced(origin, 72 * figure.get_figwidth() - 8, SMALL)
    figure.supxlabel(lines, fontsize=SMALL, color=QUIET, **PLAIN)


def as_png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=PIXELS_PER_INCH)
    return picture.getvalue()


def evaluation_to_json(evaluation: Evaluation, part: str, data: str) -> dict[str, Any]:
    """Return the numbers of an evaluation as JSON types.

    Args:
        evaluation: the evaluation of a part of a data source.
        part: `"train"`, `"val"` or `"test"`.
        data: the name of the data source.
    """
    return {
        "data": data,
        "part": part,
        "n": len(evaluation),
        "accuracy": evaluation.accuracy,
        "accuracy_interval_95": list(evaluation.accuracy_interval),
        "loss": evaluation.loss,
        "expected_calibration_error": calibrate(evaluation).ece,
        "classes": list(evaluation.classes),
        "per_class": evaluation.per_class.to_dict(orient="index"),
        "confusion": evaluation.confusion.tolist(),
    }


def save_artefacts(run: Run, evaluation: Evaluation, splits: Splits, folder: Path) -> None:
    """Write `evaluation.json`, if it is not there, and `figures/*.png` into the run's folder.

    On another machine the numbers of a run may differ in their last digits, so the first evaluation
    is kept.

    Raises:
        RunFolderError: a file cannot be written.
    """
    try:
        numbers = evaluation_to_json(evaluation, "test", splits.name)
        if not (folder / EVALUATION).exists():
            write_text(folder / EVALUATION, json.dumps(numbers, indent=2) + "\n")
        for name, figure in draw_figures(run, evaluation, splits.test, splits).items():
            write_bytes(folder / "figures" / f"{name}.png", as_png(figure))
    except OSError as error:
        raise unwritable(folder, error) from error


def _origin(run: Run, splits: Splits) -> str:
    name = run.variant.name if run.variant else "own model"
    epochs = f"{len(run.history)} epoch{'' if len(run.history) == 1 else 's'}"
    return f"{name}, seed {run.seed}, {epochs} on {splits.name}"
