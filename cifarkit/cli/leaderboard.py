"""`cifarkit leaderboard`."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated

import typer

from cifarkit.cli.options import AsJson, ImportFile, import_models
from cifarkit.cli.saying import echo, say
from cifarkit.cli.verify import RunFolders, SharedData, verifications

__all__ = ["leaderboard"]


def leaderboard(
    runs: RunFolders,
    data: SharedData = None,
    as_json: AsJson = False,
    by_folder: Annotated[
        bool,
        typer.Option(
            "--by-folder", help="Rank the runs of each folder separately: runs/ada/*, runs/ben/*."
        ),
    ] = False,
    speedrun: Annotated[
        float | None,
        typer.Option(
            metavar="TARGET",
            help="Rank by training seconds those that reach this test accuracy, such as 0.88.",
            show_default="rank by accuracy",
        ),
    ] = None,
    imported: ImportFile = None,
) -> None:
    """Rank verified runs by the lower end of the 95 % interval of their test accuracy.

    Runs that differ only in the seed are one row; runs that are not verified are listed below.
    With `--speedrun` the fastest to reach a target come first, by the rules of the page of records.
    Exit status 1 if there is nothing to rank.
    """
    import_models(imported)
    from cifarkit.verification.leaderboard import leaderboard as by_accuracy
    from cifarkit.verification.speedrun import speedrun_leaderboard as by_seconds

    rank = by_accuracy if speedrun is None else partial(by_seconds, target=speedrun)
    rank([], by_folder=by_folder)  # refuses a wrong target before any data is loaded
    if by_folder and len({run.parent for run in runs}) == 1 < len(runs):
        say(f"all runs lie in {runs[0].parent}, so --by-folder ranks them together")
    board = rank(verifications(runs, data), by_folder=by_folder)
    echo(json.dumps(board.to_json()) if as_json else str(board))
    if not board.standings:
        raise typer.Exit(1)
