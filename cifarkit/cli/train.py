"""`cifarkit train`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cifarkit.cli.data_source import load_source
from cifarkit.cli.options import DataSource, ImportFile, import_models

if TYPE_CHECKING:
    from cifarkit.data.splits import Splits
    from cifarkit.recipes.recipe import Recipe
    from cifarkit.training.run import Run

__all__ = ["train"]


def train(
    model: Annotated[str, typer.Argument(help="A name that `cifarkit models` lists.")] = "baseline",
    data: DataSource = "auto",
    epochs: Annotated[int | None, typer.Option(help="How many, in place of the recipe's.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images a step, in place of the recipe's.")
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Learning rate, in place of the recipe's.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order, augmentation, dropout.")] = 0,
    patience: Annotated[
        int | None,
        typer.Option(help="Stop after so many epochs without a better val loss; keep the best."),
    ] = None,
    track_test: Annotated[
        bool, typer.Option("--track-test", help="Record test each epoch too, to look at only.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps, …")] = "auto",
    run_dir: Annotated[
        Path | None,
        typer.Option(help="The run's own folder.", show_default="runs/MODEL-seedN-TIME"),
    ] = None,
    imported: ImportFile = None,
) -> None:
    """Train a model, evaluate it once on test, and leave a folder with all there is to know."""
    import_models(imported)
    from cifarkit.data.splits import check_seed
    from cifarkit.models.registry import get_variant
    from cifarkit.training.callbacks.checkpoint import Checkpoint
    from cifarkit.training.callbacks.early_stopping import EarlyStopping
    from cifarkit.training.device import choose_device
    from cifarkit.training.processes import is_first_process
    from cifarkit.training.progress.progress import Progress
    from cifarkit.training.run_folder import RunFolder
    from cifarkit.training.train import train as train_variant

    variant = get_variant(model)
    changes = _changes(variant.recipe, epochs, batch_size, lr)
    # All that can be refused is refused before any data is loaded.
    recipe = variant.recipe.replace(**changes)
    stoppers = [] if patience is None else [EarlyStopping(patience=patience)]
    folder = run_dir or Path("runs") / f"{model}-seed{seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    check_seed("seed", seed)
    choose_device(device)
    if is_first_process():
        RunFolder(folder).check_free()
    splits = load_source(data)
    _say(f"{model}: {variant.summary}\n{splits}\n{recipe}")
    try:
        run = train_variant(
            variant,
            splits,
            seed=seed,
            device=device,
            callbacks=[*stoppers, Checkpoint(), Progress()],
            run_dir=folder,
            track_test=track_test,
            **changes,
        )
    except KeyboardInterrupt:
        learnt = f"what was learnt so far is in {folder}"
        _say(f"interrupted; {learnt if folder.exists() else 'nothing was learnt yet'}")
        raise
    if is_first_process():
        _report(run, splits, folder)


def _say(text: str) -> None:
    """Print beside the results, once however many processes torchrun has started."""
    from cifarkit.training.processes import is_first_process

    if is_first_process():
        typer.echo(text, err=True)


def _changes(
    recipe: Recipe, epochs: int | None, batch_size: int | None, lr: float | None
) -> dict[str, Any]:
    wanted = {"epochs": epochs, "batch_size": batch_size}
    changes: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    if lr is not None:
        changes["optimizer"] = recipe.optimizer.replace(lr=lr)
    return changes


def _report(run: Run, splits: Splits, folder: Path) -> None:
    """Evaluate on test, once; leave it in the folder with its figures, and print it."""
    from cifarkit.cli.evaluate import describe
    from cifarkit.evaluation.evaluation import evaluate
    from cifarkit.report.artefacts import save_artefacts

    evaluation = evaluate(run.model, splits.test, test_time=run.recipe.test_time)
    save_artefacts(run, evaluation, splits, folder)  # first: printing can fail, on a closed pipe
    typer.echo(describe(evaluation, "test", splits.name))
    typer.echo(f"\nThe run is in {folder}; its page to hand in: cifarkit report {folder}")
