"""Train and compare variants, in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch

from cifarkit.annotations import Range, is_whole
from cifarkit.arguments import Seed, checked
from cifarkit.comparison.budget import jobs_within, seconds_of
from cifarkit.comparison.comparison import Comparison
from cifarkit.comparison.gathering import Gathered
from cifarkit.comparison.job_training import JobResult
from cifarkit.comparison.jobs import Job, plan_jobs
from cifarkit.comparison.needed_jobs import (
    all_jobs,
    jobs_until_decided,
    rounds_of,
    with_passed_over,
)
from cifarkit.comparison.preparation import (
    changed,
    check_builds,
    check_executor,
    chosen_variants,
    workplace,
)
from cifarkit.comparison.progress import ComparisonProgress
from cifarkit.comparison.scheduling import train_jobs
from cifarkit.comparison.sequential import MOST_SEEDS
from cifarkit.data.near_duplicates import known_near_duplicates
from cifarkit.data.splits import Splits, check_splits
from cifarkit.errors import ComparisonError
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
SEEDS = 5  # where neither seeds nor until is given


@explains_arguments("ck.compare")
def compare(
    variants: Iterable[str | Variant | Builder],
    splits: Splits,
    *,
    seeds: int | Iterable[int] | None = None,
    run_dir: str | Path = "runs",
    executor: Executor | None = None,
    callbacks: Iterable[Callback] = (),
    device: str | torch.device = "auto",
    budget: float | str | None = None,
    margin: float | None = None,
    until: Literal["decided"] | None = None,
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
        seeds: how many, counted from 0, or a list of seeds; 5 when None. With `until`, these are
            the most seeds, 12 when None.
        run_dir: the parent of all run folders.
        executor: where to train: anything with the interface of `concurrent.futures.Executor`
            whose workers see the same disk; one process for each core when None.
        callbacks: for every run; each run has its own copies.
        device: `"auto"` (CUDA, else MPS, else the CPU) or a torch device.
        budget: seconds, or a time such as `"30m"`. Only the seeds that fit are trained; this is
            decided before the first run.
        margin: in percentage points, such as 0.5: verdicts may then say that two variants are the
            same within it. Choose it before you look.
        until: `"decided"` looks after every seed, and stops each pair when it is decided. A variant
            without an undecided pair is trained no more. All looks together say "better" of equal
            variants in at most 5 % of studies. The interval of a pair is wider in return.
        show_progress: show how far each run is: True, False, or `"auto"`, which means in notebooks
            and on terminals.
        recipe_changes: fields of every recipe to change, such as `epochs=3`.

    Returns:
        The comparison, of all finished runs.

    Raises:
        ModelNameError: a variant that is not registered has a name that no folder should have.
        ComparisonError: there are no variants or seeds, or one comes twice; nothing fits into the
            budget; `executor`, `until` or `show_progress` is something else; the code to train
            cannot be sent to another process; another comparison uses `run_dir`; or no run
            finished.
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
    chosen = chosen_variants(variants, "ck.compare")
    recipes = [variant.recipe for variant in chosen]
    callbacks, recipe_changes = moved_to_recipe(callbacks, recipe_changes, recipes)
    chosen = [changed("ck.compare", variant, recipe_changes, beside=compare) for variant in chosen]
    points = checked("margin", margin, Margin, error=ComparisonError)
    _check_until(until, chosen, points)
    chosen_seeds = _seeds(seeds, until)
    seconds = None if budget is None else seconds_of(budget)
    device, folder = choose_device(device), expanded(run_dir).absolute()
    listeners = check_callbacks(callbacks)
    check_executor(executor)
    shows = wants_progress(show_progress, error=ComparisonError)
    for variant in chosen:
        check_builds(variant, len(splits.classes))
    jobs = plan_jobs(
        chosen, chosen_seeds, splits, run_dir=folder, device=device, callbacks=listeners
    )
    labels = splits.test.labels
    planned: Sequence[Job] = jobs
    results: dict[Job, JobResult] = {}
    needed_jobs = jobs_until_decided if until else all_jobs
    needed = needed_jobs(jobs, results, Gathered(labels))
    if not all(job.is_done for job in needed):  # else write nothing: a disk may be read-only
        with workplace(chosen, listeners, splits, run_dir=folder, executor=executor) as shared:
            if seconds is not None:
                known = with_passed_over(jobs, needed)
                rounds = rounds_of(jobs) if until else [chosen_seeds]
                planned = jobs_within(
                    seconds, known, shared, rounds=rounds, device=device, executor=executor
                )
            results = _trained(
                lambda ended: needed_jobs(planned, ended, Gathered(labels)),
                partial(train_jobs, shared=shared, device=device, executor=executor),
                ComparisonProgress(planned, until_decided=until is not None) if shows else None,
            )
    gathered = Gathered(labels)
    needed_jobs(planned, results, gathered)
    left_out = {job.seed for job in jobs} - {job.seed for job in planned}
    return Comparison(
        variants=tuple(chosen),
        outcomes=tuple(gathered.outcomes),
        data={
            **splits.describe(),
            "classes": splits.classes,
            "near_duplicates": _near_duplicates(splits),
        },
        failures=_failures(gathered, results),
        left_out=tuple(sorted(left_out)),
        margin=None if points is None else points / 100,
        until=until,
    )


def _check_until(until: Any, variants: Sequence[Variant], margin: float | None) -> None:
    checked("until", until, Literal["decided"] | None, error=ComparisonError)
    if until and margin is not None:
        raise ComparisonError(
            f"margin={margin!r} needs a fixed number of seeds: the looks of until={until!r} decide "
            "only which one is better; leave one of the two out"
        )
    if until and len(variants) < 2:
        raise ComparisonError(
            f"until={until!r} decides between variants, found one, {variants[0].name!r}; name "
            "another, or leave until out"
        )


def _seeds(seeds: int | Iterable[int] | None, until: str | None) -> list[int]:
    if seeds is None:
        seeds = MOST_SEEDS if until else SEEDS
    if is_whole(seeds) and seeds >= 1:
        return list(range(int(seeds)))
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        raise ComparisonError(f"seeds must be a count, 1 or more, or a list, found {seeds!r}")
    chosen = list(seeds)
    for seed in chosen:
        checked("a seed", seed, Seed)
    if not chosen or len(set(chosen)) < len(chosen):
        raise ComparisonError(f"seeds must be one or more, each once, found {chosen}")
    numbers = [int(seed) for seed in chosen]
    return sorted(numbers) if until else numbers  # the order of the looks


def _trained(
    needed: Callable[[Mapping[Job, JobResult]], Sequence[Job]],
    train: Callable[..., dict[Job, JobResult]],
    progress: ComparisonProgress | None,
) -> dict[Job, JobResult]:
    """Train the needed jobs until their results need no others."""
    results: dict[Job, JobResult] = {}
    with ExitStack() as stack:
        watch = stack.enter_context(progress).update if progress else None
        while left := [job for job in needed(results) if not job.is_done and job not in results]:
            results |= train(left, watch=watch)
    return results


def _failures(gathered: Gathered, results: Mapping[Job, JobResult]) -> tuple[str, ...]:
    """Return why runs are missing, and warn of what their trainings warned of.

    Raises:
        ComparisonError: all are missing.
    """
    for text in dict.fromkeys(text for result in results.values() for text in result.warnings):
        warn(text)
    failed = [f"{job.name}: {result.error}" for job, result in results.items() if result.error]
    failures = [*failed, *gathered.failures]
    if not gathered.outcomes:
        reason = "can be used" if gathered.failures else "finished"
        raise ComparisonError(f"no run {reason}:\n  " + "\n  ".join(failures))
    return tuple(failures)


def _near_duplicates(splits: Splits) -> dict[str, Any] | None:
    near = known_near_duplicates(splits.fingerprint)
    if near is None:
        return None
    return {"threshold": near.threshold, "test": sorted(pair.test_index for pair in near.pairs)}
