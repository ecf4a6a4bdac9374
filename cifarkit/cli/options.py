"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AsJson",
    "Author",
    "DataSource",
    "ImportFile",
    "Notes",
    "OtherData",
    "RunFolderArgument",
    "import_models",
]

DataSource = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="SOURCE",
        help="auto, cifar10, cifar100, synthetic, or an image folder; auto is CIFAR-10, or the "
        "synthetic set if CIFAR-10 is neither on this disk nor on the network.",
    ),
]
ImportFile = Annotated[
    list[Path] | None,
    typer.Option("--import", metavar="FILE", help="Run a Python file that registers models."),
]
RunFolderArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]
OtherData = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="SOURCE", help="Other data than the run's.", show_default="the run's"
    ),
]
Author = Annotated[str | None, typer.Option(metavar="NAME", help="Your name, for the page.")]
Notes = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Your text for the page: UTF-8; a blank line begins a paragraph.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def import_models(files: list[Path] | None) -> None:
    """Run the files of `--import`."""
    from cifarkit.models.model_files import import_file

    for file in files or []:
        import_file(file)
