"""Search for a better recipe by val, then compare it with the default on fresh seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from cifarkit.arguments import Count, Seed, checked
from cifarkit.comparison.budget import seconds_of
from cifarkit.comparison.compare import compare
from cifarkit.comparison.preparation import check_builds, check_executor
from cifarkit.data.splits import Splits, check_splits
from cifarkit.errors import ComparisonError, SelectionError
from cifarkit.guidance import explains_arguments
from cifarkit.models.builders import check_name
from cifarkit.models.registry import get_variant
from cifarkit.models.variant import Variant
from cifarkit.storage.folders import expanded
from cifarkit.training.callback import Callback, check_callbacks
from cifarkit.training.engine.device import choose_device
from cifarkit.training.former_callbacks import moved_to_recipe
from cifarkit.training.progress.progress import ShowProgress, wants_progress
from cifarkit.tuning.page import Search
from cifarkit.tuning.results import winner_of
from cifarkit.tuning.samplers import sampler_named
from cifarkit.tuning.space import Dimension, axes_of, varied
from cifarkit.tuning.trial_runs import TrialRuns
from cifarkit.values import check_fields

if TYPE_CHECKING:
    from cifarkit.models.variant import Builder

__all__ = ["search"]


@explains_arguments("ck.search")
def search(
    variant: str | Variant | Builder,
    splits: Splits,
    space: Mapping[str, Dimension],
    *,
    trials: int = 20,
    seeds: int = 8,
    seed: int = 0,
    sampler: Literal["auto", "optuna", "random"] = "auto",
    run_dir: str | Path = "runs",
    executor: Executor | None = None,
    callbacks: Iterable[Callback] = (),
    device: str | torch.device = "auto",
    budget: float | str | None = None,
    show_progress: ShowProgress = "auto",
    **recipe_changes: Any,
) -> Search:
    """Search for a better recipe by val, and find out on fresh seeds whether it is better.

    Each trial trains the variant once with other settings, all from the same seed. The highest val
    accuracy at the end wins; no trial is evaluated on test. Then `ck.compare` trains the winner and
    the variant's own recipe from seeds that no trial had, and evaluates each run once on test. Only
    its verdict says whether tuning helped.

    The settings of a trial depend on the seed and on earlier results, and on nothing else. So the
    same call after Ctrl-C resumes, and more trials train only the new ones. Random settings do not
    need earlier results. Optuna chooses four settings at a time after ten random ones, however many
    cores there are.

    Args:
        variant: a registered name, a variant or a builder.
        splits: the data, with a val set.
        space: what varies: `{path: values}`. A path is a field of the recipe, with dots for what is
            inside it, such as `"optimizer.lr"`, or an option of the builder. Values are
            `ck.LogRange`, `ck.LinearRange` or `ck.Choice`.
        trials: how many settings to try.
        seeds: how many fresh seeds; they are those after `seed`.
        seed: the seed of all trials, and of the settings that they get.
        sampler: what chooses the settings: `"random"`, `"optuna"` (the extra `search`), or
            `"auto"`, which is Optuna where it is installed.
        run_dir: the parent of all run folders.
        executor: where to train, as in `ck.compare`.
        callbacks: for every run; each run has its own copies.
        device: `"auto"` (CUDA, else MPS, else the CPU) or a torch device.
        budget: seconds, or a time such as `"30m"`, for trials and fresh seeds together. Fewer
            trials are tried if not all fit; this is decided before the first, by the time that the
            variant's own recipe takes.
        show_progress: show how far each run is: True, False, or `"auto"`, which means in notebooks
            and on terminals.
        recipe_changes: fields of every recipe to change, such as `epochs=3`.

    Returns:
        The trials, the best variant, and its comparison with the default.

    Raises:
        SelectionError: the splits have no val set.
        UnknownFieldError: the variant has no such setting; the message lists all.
        RecipeError: the space leaves what a setting allows.
        ComparisonError: a number is too small; `sampler` or `executor` is something else; nothing
            fits into the budget; another comparison uses `run_dir`; or all trials failed.
        InstallError: Optuna is wanted, and not installed.
        KeyboardInterrupt: Ctrl-C; all runs are saved, and the same call resumes them.

    It also raises as `ck.train` does, before anything is trained.

    >>> import tempfile
    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.tuning.space import LogRange
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> search("linear", data, {"optimizer.lr": LogRange(1e-4, 1e-1)}, trials=3, seeds=2,
    ...        epochs=1, run_dir=tempfile.mkdtemp(), show_progress=False)
    Search(linear; 3 trials on synthetic)
    """
    check_splits(splits)
    if splits.val is None:
        raise SelectionError(
            "a search chooses by val, and these splits have none; load them with val_size=0.1"
        )
    default = get_variant(variant)
    check_name(default.name)
    callbacks, recipe_changes = moved_to_recipe(callbacks, recipe_changes, [default.recipe])
    check_fields("ck.search", recipe_changes, default.recipe, beside=search)
    default = dataclasses.replace(default, recipe=default.recipe.replace(**recipe_changes))
    axes = axes_of(space, default)
    for name, count in {"trials": trials, "seeds": seeds}.items():
        checked(name, count, Count, error=ComparisonError)
    checked("seed", seed, Seed, error=ComparisonError)
    checked("the last fresh seed", seed + seeds, Seed, error=ComparisonError)
    chosen = sampler_named(sampler)
    shows = wants_progress(show_progress, error=ComparisonError)
    check_executor(executor)
    check_builds(default, len(splits.classes))
    runs = TrialRuns(
        default,
        splits,
        axes,
        seed=seed,
        run_dir=expanded(run_dir).absolute(),
        executor=executor,
        callbacks=check_callbacks(callbacks),
        device=choose_device(device),
        show_progress=shows,
    )
    count = trials if budget is None else runs.within(seconds_of(budget), trials, seeds, chosen)
    outcomes = runs.run(count, chosen)
    winner = winner_of(outcomes)
    if winner is None:
        failures = "\n  ".join(f"trial {trial.number}: {trial.error}" for trial in outcomes)
        raise ComparisonError(f"no trial has a val accuracy:\n  {failures}")
    best = varied(default, winner.setting, f"{default.name}-tuned")
    comparison = compare(
        [default, best],
        splits,
        seeds=range(seed + 1, seed + 1 + seeds),
        run_dir=run_dir,
        executor=executor,
        callbacks=callbacks,
        device=device,
        show_progress=show_progress,
    )
    return Search(
        variant=default,
        best=best,
        space=dict(space),
        sampler=chosen,
        seed=seed,
        outcomes=tuple(outcomes),
        comparison=comparison,
        left_out=trials - count,
    )
