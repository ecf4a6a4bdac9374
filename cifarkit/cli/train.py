"""`cifarkit train`."""

from __future__ import annotations

import dataclasses
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cifarkit.cli.data_source import load_source
from cifarkit.cli.options import DataSource, ImportFile, import_models
from cifarkit.cli.saying import echo, say
from cifarkit.storage.folders import expanded

if TYPE_CHECKING:
    from cifarkit.data.splits import Splits
    from cifarkit.models.variant import Variant
    from cifarkit.recipes.recipe import Recipe
    from cifarkit.runs.run import Run

__all__ = ["Command", "train", "train_and_report"]


def train(
    model: Annotated[str, typer.Argument(help="A name that `cifarkit models` lists.")] = "baseline",
    data: DataSource = "auto",
    epochs: Annotated[int | None, typer.Option(help="How many, instead of the recipe's.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images a step, instead of the recipe's.")
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Learning rate, instead of the recipe's.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order, augmentation, dropout.")] = 0,
    patience: Annotated[
        int | None,
        typer.Option(help="Stop after this many epochs without a better val loss; keep the best."),
    ] = None,
    track_test: Annotated[
        bool, typer.Option("--track-test", help="Also record test each epoch; do not choose by it.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps, …")] = "auto",
    run_dir: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the run; an interrupted run in it resumes.",
            show_default="runs/MODEL-seedN-TIME",
        ),
    ] = None,
    imported: ImportFile = None,
) -> None:
    """Train a model, evaluate it once on test, and save everything in a folder."""
    import_models(imported)
    from cifarkit.arguments import Seed, checked
    from cifarkit.models.registry import get_variant
    from cifarkit.runs.environment import is_first_process
    from cifarkit.runs.folder import RunFolder
    from cifarkit.training.callbacks.early_stopping import EarlyStopping
    from cifarkit.training.engine.device import choose_device

    variant = get_variant(model)
    # Every argument is checked before any data is loaded.
    if patience is not None:
        EarlyStopping(patience=patience)
    recipe = variant.recipe.replace(**_changes(variant.recipe, epochs, batch_size, lr))
    new = Path("runs") / f"{model}-seed{seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = new if run_dir is None else expanded(run_dir)
    checked("seed", seed, Seed)
    choose_device(device)
    if is_first_process() and not RunFolder(folder).holds_run():
        RunFolder(folder).check_free()
    variant = dataclasses.replace(variant, recipe=recipe)
    splits = load_source(data)
    command = Command(
        data=splits.source,
        patience=patience,
        device=device,
        imported=[str(file.absolute()) for file in imported or []],
    )
    train_and_report(variant, splits, command, seed, folder, track_test)


@dataclasses.dataclass(frozen=True)
class Command:
    """The options of `cifarkit train` that `cifarkit resume` needs; a run folder records them.

    Args:
        data: the source that was loaded, in a form that `load_data` finds from any folder.
        patience: the patience of early stopping, if it was asked for.
        device: what `--device` named.
        imported: the files of `--import`.
    """

    data: str
    patience: int | None
    device: str
    imported: list[str]


def train_and_report(
    variant: Variant,
    splits: Splits,
    command: Command,
    seed: int,
    folder: Path,
    track_test: bool,
) -> None:
    """Train or resume, then evaluate once on test and write everything into the folder."""
    from cifarkit.report.page import write_report
    from cifarkit.runs.environment import is_first_process
    from cifarkit.runs.folder import RunFolder
    from cifarkit.training.callback import Callback
    from cifarkit.training.callbacks.checkpoint import Checkpoint
    from cifarkit.training.callbacks.early_stopping import EarlyStopping
    from cifarkit.training.train import train as train_variant

    class NoteCommand(Callback):
        def on_fit_start(self, run: Run) -> None:
            run.facts.command = dataclasses.asdict(command)

    patience = command.patience
    stoppers = [EarlyStopping(patience=patience)] if patience is not None else []
    about = f"{variant.name}: {variant.summary}" if variant.summary else variant.name
    _say(f"{about}\n{splits}\n{variant.recipe}")
    before = RunFolder(folder)
    was_over = before.is_over() and before.epochs() >= variant.recipe.epochs
    try:
        run = train_variant(
            variant,
            splits,
            seed=seed,
            device=command.device,
            callbacks=[NoteCommand(), *stoppers, Checkpoint(every_seconds=60)],
            run_dir=folder,
            track_test=track_test,
            show_progress=True,
            resume=True,
        )
    except KeyboardInterrupt:
        began = RunFolder(folder).holds_run()
        named = [f" --import {shlex.quote(file)}" for file in command.imported]
        way_on = f"resume it with: cifarkit resume {shlex.quote(str(folder))}{''.join(named)}"
        _say(f"interrupted; {way_on if began else 'nothing was learnt yet'}")
        raise
    if was_over:
        _say(f"The run in {folder} is over already. It is only evaluated, not trained again.")
    elif (folder / "report.html").is_file() and is_first_process():
        write_report(run, splits)  # the page is from an earlier epoch
    if is_first_process():
        _report(run, splits, folder)


def _say(text: str) -> None:
    """Print on stderr, once for all the processes that torchrun has started."""
    from cifarkit.runs.environment import is_first_process

    if is_first_process():
        say(text)


def _changes(
    recipe: Recipe, epochs: int | None, batch_size: int | None, lr: float | None
) -> dict[str, Any]:
    wanted = {"epochs": epochs, "batch_size": batch_size}
    changes: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    if lr is not None:
        changes["optimizer"] = recipe.optimizer.replace(lr=lr)
    return changes


def _report(run: Run, splits: Splits, folder: Path) -> None:
    """Evaluate once on test, save the result and its figures in the folder, and print it."""
    from cifarkit.cli.evaluate import describe
    from cifarkit.report.artefacts import save_artefacts
    from cifarkit.runs.test_access import score_on_test

    evaluation = score_on_test(run, splits)
    save_artefacts(run, evaluation, splits, folder)  # first: printing can fail, on a closed pipe
    echo(describe(evaluation, "test", splits.name))
    echo(f"\nThe run is in {folder}; a page to hand in: cifarkit report {shlex.quote(str(folder))}")
