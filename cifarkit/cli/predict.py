"""`cifarkit predict`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from cifarkit.cli.options import AsJson, ImportFile, RunFolderArgument, import_models
from cifarkit.cli.saying import echo
from cifarkit.errors import DataError

__all__ = ["predict"]


def predict(
    run: RunFolderArgument,
    pictures: Annotated[list[Path], typer.Argument(help="Picture files of any size and kind.")],
    top: Annotated[int, typer.Option(min=1, help="How many guesses for each.")] = 3,
    as_json: AsJson = False,
    imported: ImportFile = None,
) -> None:
    """Predict what pictures show."""
    import_models(imported)
    _check_no_folder(run, pictures)
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
        rows = zip(pictures, guesses, strict=True)
        echo(json.dumps([{"picture": str(path), "guesses": best} for path, best in rows]))
        return
    for path, best in zip(pictures, guesses, strict=True):
        text = ", ".join(f"{name} {100 * share:.0f} %" for name, share in best.items())
        echo(f"{path}: {text}")


def _check_no_folder(run: Path, pictures: list[Path]) -> None:
    """Refuse a folder of pictures, with the line that names the files in it."""
    from cifarkit.data.pictures import picture_suffixes

    for folder in pictures:
        if not folder.is_dir():
            continue
        endings = {path.suffix for path in folder.iterdir()}
        known = sorted(ending for ending in endings if ending.lower() in picture_suffixes())
        named = " ".join(f"{shlex.quote(str(folder))}/*{ending}" for ending in known or [".png"])
        raise DataError(
            f"{str(folder)!r} is a folder, not a picture file; write cifarkit predict "
            f"{shlex.quote(str(run))} {named}"
        )
