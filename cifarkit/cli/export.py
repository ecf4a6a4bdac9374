"""`cifarkit export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cifarkit.cli.data_source import load_like
from cifarkit.cli.options import ImportFile, OtherData, RunFolderArgument, import_models
from cifarkit.cli.saying import echo

__all__ = ["export"]


def export(
    run: RunFolderArgument,
    output: Annotated[
        Path | None, typer.Option(help="The new file.", show_default="RUN/model.onnx")
    ] = None,
    data: OtherData = None,
    imported: ImportFile = None,
) -> None:
    """Write a run's network as an ONNX file, checked on test pictures by onnxruntime."""
    import_models(imported)
    from cifarkit.runs.folder import load_run
    from cifarkit.runs.onnx_file import export_onnx

    trained = load_run(run)
    path = output if output is not None else run / "model.onnx"
    echo(export_onnx(trained, path, load_like(trained, data).test))
