"""`cifarkit compare`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cifarkit.cli.data_source import load_source
from cifarkit.cli.options import AsJson, DataSource, ImportFile, import_models
from cifarkit.cli.saying import echo, say

__all__ = ["compare"]


def compare(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Names that `cifarkit models` lists.")
    ],
    data: DataSource = "auto",
    seeds: Annotated[
        int | None,
        typer.Option(
            help="How many runs of each, from seed 0 on.", show_default="enough for a verdict"
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="How many, instead of the recipes'.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images a step, instead of the recipes'.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Train only the seeds that fit into it, such as 30m."),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Percentage points within which two models count as the same."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="decided", help="Look after every seed, and stop each pair when it is decided."
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps, …")] = "auto",
    run_dir: Annotated[
        Path, typer.Option(help="The parent of all run folders; existing runs are used.")
    ] = Path("runs"),
    output: Annotated[
        Path | None,
        typer.Option(
            help="A new folder for the tables, the figure and the page.",
            show_default="comparison-TIME",
        ),
    ] = None,
    as_json: AsJson = False,
    imported: ImportFile = None,
) -> None:
    """Train several models from several seeds, and compare their test accuracies.

    Existing runs are used. So the same line after Ctrl-C, or with one more seed or model, trains
    only what is missing.
    """
    import_models(imported)
    from cifarkit.comparison.compare import compare as compare_models
    from cifarkit.comparison.power import seeds_needed
    from cifarkit.comparison.sequential import first_look
    from cifarkit.models.registry import get_variant
    from cifarkit.report.comparison_folder import save_comparison
    from cifarkit.storage.atomic import check_new

    folder = output or Path(f"comparison-{time.strftime('%Y%m%d-%H%M%S')}")
    check_new(folder, otherwise="--output")
    variants = [get_variant(name) for name in models]  # before any data is fetched
    pairs = len(variants) * (len(variants) - 1) // 2
    enough = (first_look(0.05 / pairs) if until else seeds_needed(pairs)) if pairs else 5
    if pairs and seeds is not None and 1 <= seeds < enough:
        say(
            f"With --seeds {seeds} no test can tell {len(variants)} models apart, with any\n"
            f"result; use --seeds {enough} or more."
        )
    wanted = {"epochs": epochs, "batch_size": batch_size}
    changes: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    try:
        comparison = compare_models(
            variants,
            load_source(data),
            seeds=enough if seeds is None and until is None else seeds,
            run_dir=run_dir,
            device=device,
            budget=budget,
            margin=margin,
            until=until,  # type: ignore[arg-type]  # refused there
            show_progress=True,
            **changes,
        )
    except KeyboardInterrupt as error:
        hint = "all runs are saved, and the same line resumes them"
        say(f"interrupted; {hint if error.args else 'no run was going on'}")
        raise
    save_comparison(comparison, folder)  # first: printing can fail, on a closed pipe
    echo(comparison.to_json() if as_json else str(comparison))
    echo(f"\nTables, figure and the page to hand in are in {folder}", err=as_json)
