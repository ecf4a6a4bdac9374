"""`cifarkit report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cifarkit.cli.data_source import load_for_run
from cifarkit.cli.options import (
    Author,
    ImportFile,
    Notes,
    OtherData,
    RunFolderArgument,
    import_models,
)
from cifarkit.cli.saying import echo

__all__ = ["report"]


def report(
    run: RunFolderArgument,
    output: Annotated[
        Path | None, typer.Option(help="Where to write it.", show_default="RUN/report.html")
    ] = None,
    author: Author = None,
    notes: Notes = None,
    live: Annotated[
        bool, typer.Option("--live", help="Put the network into the page: it runs in the browser.")
    ] = False,
    data: OtherData = None,
    imported: ImportFile = None,
) -> None:
    """Write the page to hand in: one HTML file with everything in it.

    Each call writes the whole page: give --author and --notes again.
    """
    import_models(imported)
    from cifarkit.report.page import write_report
    from cifarkit.runs.folder import load_run

    trained = load_run(run)
    splits = load_for_run(trained, data)
    path = write_report(trained, splits, output, author=author, notes=notes, live=live)
    echo(f"The report is in {path}")
