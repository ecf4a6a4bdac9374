"""`cifarkit plan`."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from cifarkit.cli.data_source import load_source
from cifarkit.cli.options import DataSource, ImportFile, import_models
from cifarkit.cli.saying import echo, say

__all__ = ["plan"]


def plan(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Names that `cifarkit models` lists.")
    ],
    data: DataSource = "auto",
    see: Annotated[
        float, typer.Option(metavar="POINTS", help="The difference to be found, in points.")
    ] = 1.0,
    sd: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            help="The sd of differences over seeds.",
            show_default="from existing runs, or cifarkit's study",
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="How many, instead of the recipes'.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images a step, instead of the recipes'.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps, …")] = "auto",
    run_dir: Annotated[
        Path, typer.Option(help="The parent of all run folders; existing runs take no time.")
    ] = Path("runs"),
    imported: ImportFile = None,
) -> None:
    """Say how many seeds a comparison of models needs, and how long it will take.

    A short trial of each model is timed; nothing is kept of it.
    """
    import_models(imported)
    from cifarkit.comparison.plan import plan as plan_comparison
    from cifarkit.models.registry import get_variant

    variants = [get_variant(name) for name in models]  # before any data is fetched
    wanted = {"epochs": epochs, "batch_size": batch_size}
    changes: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    splits = load_source(data)
    say("a short trial of each model …")
    planned = plan_comparison(
        variants, splits, see=see, sd=sd, run_dir=run_dir, device=device, **changes
    )
    options = {
        "--seeds": planned.seeds,
        **{f"--{name.replace('_', '-')}": value for name, value in changes.items()},
        **({"--data": data} if data != "auto" else {}),
        **({"--device": device} if device != "auto" else {}),
        **({"--run-dir": run_dir} if run_dir != Path("runs") else {}),
    }
    words = ["cifarkit", "compare", *models]
    words += [str(word) for option in options.items() for word in option]
    words += [word for file in imported or [] for word in ("--import", str(file))]
    echo(dataclasses.replace(planned, next_line=shlex.join(words)))
