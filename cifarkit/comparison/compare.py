"""Train and compare variants, in one call."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import torch

from cifarkit.annotations import Range, is_whole
from cifarkit.arguments import Seed, checked
from cifarkit.comparison.budget import jobs_within, seconds_of
from cifarkit.comparison.comparison import Comparison
from cifarkit.comparison.job_training import JobResult, SharedFolder
from cifarkit.comparison.jobs import Job, plan_jobs
from cifarkit.comparison.outcomes import Outcome
from cifarkit.comparison.pickling import check_sendable, pickled_by_value
from cifarkit.comparison.preparation import (
    changed,
    check_builds,
    check_executor,
    chosen_variants,
    shared_folder,
)
from cifarkit.comparison.progress import ComparisonProgress
from cifarkit.comparison.scheduling import train_jobs
from cifarkit.data.near_duplicates import known_near_duplicates
from cifarkit.data.splits import Splits, check_splits
from cifarkit.errors import ComparisonError, RunFolderError
from cifarkit.guidance import explains_arguments
from cifarkit.models.variant import Variant
from cifarkit.storage.folders import expanded
from cifarkit.training.callback import Callback, check_callbacks
from cifarkit.training.engine.device import choose_device
from cifarkit.training.former_callbacks import moved_to_recipe
from cifarkit.training.progress.progress import ShowProgress, wants_progress
from cifarkit.warn import warn

if TYPE_CHECKING:
    from cifarkit.models.variant import Builder

__all__ = ["compare"]

Margin = Annotated[float, Range(0, 100, open="()")] | None  # points of accuracy


@explains_arguments("ck.compare")
def compare(
    variants: Iterable[str | Variant | Builder],
    splits: Splits,
    *,
    seeds: int | Iterable[int] = 5,
    run_dir: str | Path = "runs",
    executor: Executor | None = None,
    callbacks: Iterable[Callback] = (),
    device: str | torch.device = "auto",
    budget: float | str | None = None,
    margin: float | None = None,
    show_progress: ShowProgress = "auto",
    **recipe_changes: Any,
) -> Comparison:
    """Train every variant from every seed, and compare their test accuracies.

    The same seed means the same split, order and augmentation draws for all variants, so that
    runs of one seed form pairs. Runs that are in `run_dir` already are used if they have the same
    code, recipe, seed, data and versions. Runs that were interrupted resume. So the same call after
    Ctrl-C, or with one more seed or variant, trains only what is missing.

    Test is evaluated once, at the end of each run. To choose one of the variants, choose by val:
    `comparison.best()`.

    Args:
        variants: registered names, variants or builders, each under its own name.
        splits: the data.
        seeds: how many, counted from 0, or a list of seeds.
        run_dir: the parent of all run folders.
        executor: where to train: anything with the interface of `concurrent.futures.Executor`
            whose workers see the same disk; one process for each core when None.
        callbacks: for every run; each run has its own copies.
        device: `"auto"` (CUDA, else MPS, else the CPU) or a torch device.
        budget: seconds, or a time such as `"30m"`. Only the seeds that fit are trained; this is
            decided before the first run.
        margin: in percentage points, such as 0.5: verdicts may then say that two variants are the
            same within it. Choose it before you look.
        show_progress: show how far each run is: True, False, or `"auto"`, which means in notebooks
            and on terminals.
        recipe_changes: fields of every recipe to change, such as `epochs=3`.

    Returns:
        The comparison, of all finished runs.

    Raises:
        ModelNameError: a variant that is not registered has a name that no folder should have.
        ComparisonError: there are no variants or seeds, or one comes twice; nothing fits into the
            budget; `executor` or `show_progress` is something else; the code to train cannot be
            sent to another process; another comparison uses `run_dir`; or no run finished.
        KeyboardInterrupt: Ctrl-C; all runs are saved, and the same call resumes them.

    It also raises as `ck.train` does, before anything is trained.

    >>> import tempfile
    >>> from cifarkit.data.synthetic import load_synthetic
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> folder = tempfile.mkdtemp()
    >>> compare(["linear", "mlp"], data, seeds=2, epochs=1, run_dir=folder, show_progress=False)
    Comparison(linear, mlp; 4 runs on synthetic)
    """
    check_splits(splits)
    chosen = chosen_variants(variants)
    recipes = [variant.recipe for variant in chosen]
    callbacks, recipe_changes = moved_to_recipe(callbacks, recipe_changes, recipes)
    chosen = [changed("ck.compare", variant, recipe_changes, beside=compare) for variant in chosen]
    chosen_seeds = _seeds(seeds)
    seconds = None if budget is None else seconds_of(budget)
    points = checked("margin", margin, Margin, error=ComparisonError)
    device, folder = choose_device(device), expanded(run_dir).absolute()
    listeners = check_callbacks(callbacks)
    check_executor(executor)
    shows = wants_progress(show_progress, error=ComparisonError)
    for variant in chosen:
        check_builds(variant, len(splits.classes))
    jobs = plan_jobs(
        chosen, chosen_seeds, splits, run_dir=folder, device=device, callbacks=listeners
    )
    planned: Sequence[Job] = jobs
    results: dict[Job, JobResult] = {}
    if not all(job.is_done for job in jobs):  # else write nothing: a disk may be read-only
        user_code = [*(variant.builder for variant in chosen), *listeners]
        with shared_folder(folder) as shared, pickled_by_value(user_code):
            if executor is None:
                check_sendable([*chosen, *listeners])
            shared.put_data(splits)
            if seconds is not None:
                planned = jobs_within(seconds, jobs, shared, device=device, executor=executor)
            results = _trained(planned, shared, device, executor, shows)
    comparison = _comparison(chosen, splits, jobs, planned, results)
    return dataclasses.replace(comparison, margin=None if points is None else points / 100)


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    if is_whole(seeds) and seeds >= 1:
        return list(range(int(seeds)))
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        raise ComparisonError(f"seeds must be a count, 1 or more, or a list, found {seeds!r}")
    chosen = list(seeds)
    for seed in chosen:
        checked("a seed", seed, Seed)
    if not chosen or len(set(chosen)) < len(chosen):
        raise ComparisonError(f"seeds must be one or more, each once, found {chosen}")
    return [int(seed) for seed in chosen]


def _trained(
    jobs: Sequence[Job],
    shared: SharedFolder,
    device: torch.device,
    executor: Executor | None,
    show_progress: bool,
) -> dict[Job, JobResult]:
    waiting = [job for job in jobs if not job.is_done]
    with ExitStack() as stack:
        watch: Callable[[Mapping[Job, JobResult | None]], None] | None = None
        if show_progress:
            watch = stack.enter_context(ComparisonProgress(jobs)).update
        return train_jobs(
            waiting,
            shared,
            device=device,
            executor=executor,
            watch=watch,
        )


def _comparison(
    variants: Sequence[Variant],
    splits: Splits,
    jobs: Sequence[Job],
    planned: Sequence[Job],
    results: Mapping[Job, JobResult],
) -> Comparison:
    failures = [f"{job.name}: {result.error}" for job, result in results.items() if result.error]
    for text in dict.fromkeys(text for result in results.values() for text in result.warnings):
        warn(text)
    over = [job for job in planned if job.is_done or not results[job].error]
    if not over:
        raise ComparisonError("no run finished:\n  " + "\n  ".join(failures))
    outcomes: list[Outcome] = []
    for job in over:
        try:
            outcome = Outcome.of(job.variant, job.seed, job.folder, splits.test.labels)
        except RunFolderError as error:
            failures.append(f"{job.name}: {error}")
            continue
        if first := _original(outcome, outcomes):
            failures.append(
                f"{job.name}: its logits in {str(job.folder)!r} are the same as in "
                f"{str(first.folder)!r}. One folder is a copy under another seed; delete the copy"
            )
            continue
        outcomes.append(outcome)
    if not outcomes:
        raise ComparisonError("no run can be used:\n  " + "\n  ".join(failures))
    left_out = {job.seed for job in jobs} - {job.seed for job in planned}
    return Comparison(
        variants=tuple(variants),
        outcomes=tuple(outcomes),
        data={
            **splits.describe(),
            "classes": splits.classes,
            "near_duplicates": _near_duplicates(splits),
        },
        failures=tuple(failures),
        left_out=tuple(sorted(left_out)),
    )


def _near_duplicates(splits: Splits) -> dict[str, Any] | None:
    near = known_near_duplicates(splits.fingerprint)
    if near is None:
        return None
    return {"threshold": near.threshold, "test": sorted(pair.test_index for pair in near.pairs)}


def _original(outcome: Outcome, others: Iterable[Outcome]) -> Outcome | None:
    """Return the run of the same variant that has the same logits, under any seed."""
    predictions = outcome.test_predictions
    for other in others:
        is_same_variant = other.variant.name == outcome.variant.name
        if is_same_variant and predictions.has_same_logits_as(other.test_predictions):
            return other
    return None
