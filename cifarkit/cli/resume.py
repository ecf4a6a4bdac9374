"""`cifarkit resume`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cifarkit.cli.data_source import load_source
from cifarkit.cli.options import OtherData, RunFolderArgument, import_models
from cifarkit.cli.train import Command, train_and_report

__all__ = ["resume"]


def resume(
    folder: RunFolderArgument,
    data: OtherData = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps, …")] = "auto",
) -> None:
    """Go on with a run that was cut off; the numbers are those of a run that never was.

    It goes on from the newest checkpoint, bit for bit on the same machine, and is evaluated as
    `cifarkit train` does.
    """
    from cifarkit.errors import RunFolderError
    from cifarkit.training.run_folder import RunFolder

    facts = RunFolder(folder).about()["facts"]
    if "command" not in facts:
        raise RunFolderError(
            f"the run in {str(folder)!r} was not begun by `cifarkit train`; go on with it by "
            "ck.Trainer(…).fit(…, resume=True), as it was begun"
        )
    command = Command(**facts["command"])
    import_models([Path(file) for file in command.imported])
    variant, seed = RunFolder(folder).variant_and_seed()
    train_and_report(
        variant,
        load_source(command.data if data is None else data),
        command,
        seed,
        device,
        folder,
        facts["track_test"],
    )
