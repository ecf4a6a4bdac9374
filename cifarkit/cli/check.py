"""`cifarkit check`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cifarkit.cli.options import AsJson, ImportFile, import_models
from cifarkit.cli.saying import echo

__all__ = ["check"]


def check(
    name: Annotated[str, typer.Argument(help="The model to check.")],
    as_json: AsJson = False,
    imported: ImportFile = None,
) -> None:
    """Check that a model does what every model must do; exit status 1 when it does not."""
    import_models(imported)
    from cifarkit.models.conformance.check import examine

    report = examine(name)
    echo(json.dumps(report.to_json()) if as_json else str(report))
    if report.failed:
        raise typer.Exit(1)
