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
        typer.Option(help="How many in all, where there are to be more.", show_default="as before"),
    ] = None,
) -> None:
    """Go on with a run that was cut off, or give one that is over more epochs.

    It goes on from the newest checkpoint, bit for bit on the same machine as if it had never
    stopped, and is evaluated as `cifarkit train` does. A network of yours needs its file again, by
    `--import`. More epochs go where the schedule gives the same rates up to there.
    """
    from cifarkit.errors import RunFolderError
    from cifarkit.runs.folder import RunFolder

    folder = expanded(folder)
    facts = RunFolder(folder).about()["facts"]
    if "command" not in facts:
        raise RunFolderError(
            f"the run in {str(folder)!r} was not begun by `cifarkit train`; go on with it in the "
            "way it was begun: ck.train(…, resume=True), ck.compare or cifarkit compare into the "
            "same folder, or ck.Trainer(…).fit(…, resume=True)"
        )
    try:
        before = Command(**facts["command"])
        files = [Path(file) for file in before.imported]
    except TypeError as error:
        raise RunFolderError(f"run.json in {str(folder)!r} names no command: {error}") from error
    if files and imported is None:  # a record is data; whoever made it wrote these names
        named = " ".join(f"--import {shlex.quote(str(file))}" for file in files)
        raise RunFolderError(
            f"its network was registered by a file, which is run only where you name it: "
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
