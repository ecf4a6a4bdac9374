"""`cifarkit search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cifarkit.cli.data_source import load_source
from cifarkit.cli.options import DataSource, ImportFile, import_models
from cifarkit.cli.saying import echo, say

__all__ = ["search", "space_of"]

FORMS = "PATH=LOW..HIGH, or PATH=VALUE,VALUE,…"


def search(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A name that `cifarkit models` lists.")
    ],
    space: Annotated[
        list[str],
        typer.Option(
            metavar="PATH=VALUES",
            help="What varies: optimizer.lr=1e-4..1e-1 on a log scale (evenly if it begins at 0), "
            "or batch_size=32,64,128. Several times for several settings.",
        ),
    ],
    data: DataSource = "auto",
    trials: Annotated[int, typer.Option(help="How many settings to try.")] = 20,
    seeds: Annotated[int, typer.Option(help="Fresh seeds for the winner and the default.")] = 8,
    sampler: Annotated[str, typer.Option(help="auto, optuna or random.")] = "auto",
    epochs: Annotated[int | None, typer.Option(help="How many, instead of the recipe's.")] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Try only as many settings as fit, such as 30m."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps, …")] = "auto",
    run_dir: Annotated[
        Path, typer.Option(help="The parent of all run folders; existing runs are used.")
    ] = Path("runs"),
    imported: ImportFile = None,
) -> None:
    """Search for a better recipe by val, and compare it with the default on fresh seeds.

    Existing runs are used. So the same line after Ctrl-C, or with more trials, trains only what is
    missing. No trial is evaluated on test.
    """
    import_models(imported)
    from cifarkit.tuning.search import search as search_recipe

    settings: dict[str, Any] = {"sampler": sampler, "seeds": seeds, "budget": budget}
    settings |= {} if epochs is None else {"epochs": epochs}
    chosen = space_of(space)
    try:
        found = search_recipe(
            model,
            load_source(data),
            chosen,
            trials=trials,
            run_dir=run_dir,
            device=device,
            show_progress=True,
            **settings,
        )
    except KeyboardInterrupt as error:
        hint = "all runs are saved, and the same line resumes them"
        say(f"interrupted; {hint if error.args else 'no run was going on'}")
        raise
    echo(str(found))
    echo(f"\nThe recipe of {found.best.name}:\n{found.best.recipe!r}")


def space_of(texts: list[str]) -> dict[str, Any]:
    """Return the space that the options `--space` name.

    Raises:
        RecipeError: one is written in another way.

    >>> space_of(["optimizer.lr=1e-4..1e-1", "batch_size=32,64"])
    {'optimizer.lr': LogRange(low=0.0001, high=0.1), 'batch_size': Choice(values=(32, 64))}
    """
    from cifarkit.errors import RecipeError
    from cifarkit.tuning.space import Choice, LinearRange, LogRange

    space: dict[str, Any] = {}
    for text in texts:
        path, _, values = text.partition("=")
        low, dots, high = values.partition("..")
        ends = _value(low), _value(high)
        numeric = all(type(end) in (int, float) for end in ends)
        if not values or (dots and not numeric):
            raise RecipeError(f"--space takes {FORMS}; found {text!r}")
        if dots:
            space[path] = (LogRange if ends[0] > 0 else LinearRange)(*ends)
            continue
        space[path] = Choice(tuple(map(_value, values.split(","))))
    return space


def _value(word: str) -> Any:
    """Return a word as a number, bool or None if it can be read as one, else the word."""
    words = {"true": True, "false": False, "none": None}
    if word.lower() in words:
        return words[word.lower()]
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
