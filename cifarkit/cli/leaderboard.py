"""`cifarkit leaderboard`."""

from __future__ import annotations

import json

import typer

from cifarkit.cli.options import AsJson, ImportFile, import_models
from cifarkit.cli.verify import RunFolders, SharedData, verifications

__all__ = ["leaderboard"]


def leaderboard(
    runs: RunFolders,
    data: SharedData = None,
    as_json: AsJson = False,
    imported: ImportFile = None,
) -> None:
    """Rank verified runs by the lower end of the 95 % interval of their test accuracy.

    Runs that differ in nothing but the seed are one row; what is not verified is listed below.
    """
    import_models(imported)
    from cifarkit.verification.leaderboard import leaderboard as rank

    board = rank(verifications(runs, data))
    typer.echo(json.dumps(board.to_json()) if as_json else str(board))
