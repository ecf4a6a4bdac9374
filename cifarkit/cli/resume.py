"""`cifarkit resume`."""

from __future__ import annotations

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
) -> None:
    """Go on with a run that was cut off; the numbers are those of a run that never was.

    It goes on from the newest checkpoint, bit for bit on the same machine, and is evaluated as
    `cifarkit train` does.
    """
    from cifarkit.errors import RunFolderError
    from cifarkit.training.run_folder import RunFolder

    folder = expanded(folder)
    facts = RunFolder(folder).about()["facts"]
    if "command" not in facts:
        raise RunFolderError(
            f"the run in {str(folder)!r} was not begun by `cifarkit train`; go on with it by "
            "ck.Trainer(…).fit(…, resume=True), as it was begun"
        )
    before = Command(**facts["command"])
    files = before.imported if imported is None else [str(file.absolute()) for file in imported]
    import_models([Path(file) for file in files])
    variant, seed = RunFolder(folder).variant_and_seed()
    splits = load_source(data or before.data)
    command = Command(
        data=splits.source,
        patience=before.patience,
        device=device or before.device,
        imported=files,
    )
    train_and_report(variant, splits, command, seed, folder, facts["track_test"])
