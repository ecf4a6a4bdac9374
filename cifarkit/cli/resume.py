"""`cifarkit resume`."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Annotated

import typer

from cifarkit.cli.data_source import load_source
from cifarkit.cli.options import ImportFile, RunFolderArgument, import_models
from cifarkit.cli.train import Command, train_and_report
from cifarkit.storage.folders import expanded

__all__ = ["resume"]


def resume(
    folder: RunFolderArgument,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="SOURCE", help="Where its data is now.", show_default="as before"
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda, mps, …", show_default="as before")
    ] = None,
    imported: ImportFile = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="How many in total, to train for more.", show_default="as before"),
    ] = None,
) -> None:
    """Resume a run that was interrupted, or train a finished run for more epochs.

    It resumes from the newest checkpoint. On the same machine the result is bit for bit as if it
    had never stopped. Then it is evaluated as in `cifarkit train`. Your own network needs its file
    again, with `--import`. More epochs need a schedule that gives the same rates up to there.
    """
    from cifarkit.errors import RunFolderError
    from cifarkit.runs.folder import RunFolder

    folder = expanded(folder)
    facts = RunFolder(folder).about()["facts"]
    if "command" not in facts:
        raise RunFolderError(
            f"the run in {str(folder)!r} was not begun by `cifarkit train`. Resume it as it was "
            "begun: ck.train(…, resume=True), ck.Trainer(…).fit(…, resume=True), or ck.compare "
            "or cifarkit compare with the same folder"
        )
    try:
        before = Command(**facts["command"])
        files = [Path(file) for file in before.imported]
    except TypeError as error:
        raise RunFolderError(f"run.json in {str(folder)!r} has no command: {error}") from error
    if files and imported is None:  # a record is data: anybody may have written these names
        named = " ".join(f"--import {shlex.quote(str(file))}" for file in files)
        raise RunFolderError(
            f"its network is in a file, which runs only if you name it: "
            f"cifarkit resume {shlex.quote(str(folder))} {named}"
        )
    import_models(imported)
    variant, seed = RunFolder(folder).variant_and_seed()
    if epochs is not None:
        variant = dataclasses.replace(variant, recipe=variant.recipe.replace(epochs=epochs))
    splits = load_source(data or before.data)
    command = Command(
        data=splits.source,
        patience=before.patience,
        device=device or before.device,
        imported=[str(file.absolute()) for file in imported or []],
    )
    train_and_report(variant, splits, command, seed, folder, facts["track_test"])
