"""`cifarkit predict`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cifarkit.cli.options import AsJson, ImportFile, RunFolderArgument, import_models
from cifarkit.cli.saying import echo

__all__ = ["predict"]


def predict(
    run: RunFolderArgument,
    pictures: Annotated[list[Path], typer.Argument(help="Picture files of any size and kind.")],
    top: Annotated[int, typer.Option(min=1, help="How many guesses for each.")] = 3,
    as_json: AsJson = False,
    imported: ImportFile = None,
) -> None:
    """Say what is on pictures."""
    import_models(imported)
    from cifarkit.evaluation.predictions import predict as predict_pictures
    from cifarkit.runs.folder import load_run

    trained = load_run(run)
    predictions = predict_pictures(
        trained.model, pictures, classes=trained.classes, test_time=trained.recipe.test_time
    )
    guesses = [
        {predictions.classes[label]: float(row[label]) for label in (-row).argsort()[:top]}
        for row in predictions.probabilities
    ]
    if as_json:
        found = zip(pictures, guesses, strict=True)
        echo(json.dumps([{"picture": str(path), "guesses": best} for path, best in found]))
        return
    for path, best in zip(pictures, guesses, strict=True):
        text = ", ".join(f"{name} {100 * share:.0f} %" for name, share in best.items())
        echo(f"{path}: {text}")
