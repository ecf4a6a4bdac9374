"""Train and compare variants, in one call."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from filelock import FileLock, Timeout
from torch import nn

from cifarkit.annotations import is_whole
from cifarkit.arguments import Seed, checked
from cifarkit.comparison.budget import jobs_within, seconds_of
from cifarkit.comparison.comparison import Comparison
from cifarkit.comparison.job_training import JobResult, SharedFolder
from cifarkit.comparison.jobs import Job, plan_jobs
from cifarkit.comparison.outcomes import Outcome
from cifarkit.comparison.pickling import check_sendable, pickled_by_value
from cifarkit.comparison.progress import ComparisonProgress
from cifarkit.comparison.scheduling import train_jobs
from cifarkit.data.splits import Splits, check_splits
from cifarkit.errors import ComparisonError, RunFolderError
from cifarkit.guidance import explains_arguments
from cifarkit.models.builders import check_name
from cifarkit.models.registry import get_variant
from cifarkit.models.variant import Variant
from cifarkit.storage.folders import expanded
from cifarkit.training.callback import Callback, check_callbacks
from cifarkit.training.engine.device import choose_device
from cifarkit.training.former_callbacks import moved_to_recipe
from cifarkit.training.progress.progress import ShowProgress, wants_progress
from cifarkit.values import check_fields
from cifarkit.warn import warn

if TYPE_CHECKING:
    from cifarkit.models.variant import Builder

__all__ = ["check_builds", "check_executor", "compare", "train_waiting", "workplace"]


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
    chosen = _chosen(variants)
    recipes = [variant.recipe for variant in chosen]
    callbacks, recipe_changes = moved_to_recipe(callbacks, recipe_changes, recipes)
    chosen = [_changed(variant, recipe_changes) for variant in chosen]
    chosen_seeds = _seeds(seeds)
    seconds = None if budget is None else seconds_of(budget)
    device, folder = choose_device(device), expanded(run_dir).absolute()
    listeners = check_callbacks(callbacks)
    check_executor(executor)
    shows = wants_progress(show_progress, error=ComparisonError)
    for variant in chosen:  # a broken builder fails before anything is trained
        check_builds(variant, len(splits.classes))
    jobs = plan_jobs(
        chosen, chosen_seeds, splits, run_dir=folder, device=device, callbacks=listeners
    )
    planned: Sequence[Job] = jobs
    results: dict[Job, JobResult] = {}
    if not all(job.is_done for job in jobs):  # else write nothing: a disk may be read-only
        with workplace(chosen, listeners, splits, run_dir=folder, executor=executor) as shared:
            if seconds is not None:
                planned = jobs_within(seconds, jobs, shared, device=device, executor=executor)
            results = train_waiting(planned, shared, device, executor, shows)
    return _comparison(chosen, splits, jobs, planned, results)


def _chosen(variants: Iterable[str | Variant | Builder]) -> list[Variant]:
    if isinstance(variants, str | Variant | nn.Module) or not isinstance(variants, Iterable):
        raise ComparisonError(
            f"variants must be a list of names, found {variants!r}; write ck.compare(['baseline', "
            "'batchnorm'], data)"
        )
    chosen = [get_variant(variant) for variant in variants]
    names = [variant.name for variant in chosen]
    for name in names:  # it becomes the name of a folder
        check_name(name)
    twice = sorted({name for name in names if names.count(name) > 1})
    if not chosen or twice:
        found = f"{twice[0]!r} twice" if twice else "none"
        raise ComparisonError(
            f"a comparison needs variants, each under its own name; found {found}"
        )
    return chosen


def _changed(variant: Variant, changes: Mapping[str, Any]) -> Variant:
    check_fields("ck.compare", changes, variant.recipe, beside=compare)
    return dataclasses.replace(variant, recipe=variant.recipe.replace(**changes))


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


def check_executor(executor: Executor | None) -> None:
    """Refuse what is neither an executor nor None."""
    is_class = isinstance(executor, type)
    if is_class or (executor is not None and not callable(getattr(executor, "submit", None))):
        raise ComparisonError(
            f"executor must be a concurrent.futures.Executor or None, found {executor!r}"
        )


def check_builds(variant: Variant, num_classes: int) -> None:
    """Build a variant once; an error names it."""
    try:
        variant.build(num_classes=num_classes)
    except Exception as error:
        error.add_note(f"This happened while the variant {variant.name!r} was built.")
        raise


@contextmanager
def workplace(
    variants: Sequence[Variant],
    callbacks: Sequence[Callback],
    splits: Splits,
    *,
    run_dir: Path,
    executor: Executor | None,
) -> Iterator[SharedFolder]:
    """Give the workers the data, and send them the user's code by value."""
    user_code = [*(variant.builder for variant in variants), *callbacks]
    with _shared_folder(run_dir) as shared, pickled_by_value(user_code):
        if executor is None:
            check_sendable([*variants, *callbacks])
        shared.put_data(splits)
        yield shared


@contextmanager
def _shared_folder(run_dir: Path) -> Iterator[SharedFolder]:
    """Create and lock the folder that this comparison shares with its workers."""
    folder = run_dir / ".comparison"
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        lock = FileLock(run_dir / ".comparison.lock")
        lock.acquire(timeout=0)
        folder.mkdir(exist_ok=True)
    except Timeout:
        raise ComparisonError(
            f"another comparison is at work in {str(run_dir)!r}; wait for it, or choose another "
            "run_dir. Under torchrun it is another process of this one: start it without torchrun"
        ) from None
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"the folder {str(run_dir)!r} cannot be used: {error}; choose another run_dir"
        ) from error
    try:
        shared = SharedFolder(folder.resolve())
        shared.stop_sign.unlink(missing_ok=True)  # of a comparison that was killed
        yield shared
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()  # last: the next comparison makes a new folder


def train_waiting(
    jobs: Sequence[Job],
    shared: SharedFolder,
    device: torch.device,
    executor: Executor | None,
    show_progress: bool,
) -> dict[Job, JobResult]:
    """Train the jobs that are not done, and show how far they are."""
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
        data={**splits.describe(), "classes": splits.classes},
        failures=tuple(failures),
        left_out=tuple(sorted(left_out)),
    )


def _original(outcome: Outcome, others: Iterable[Outcome]) -> Outcome | None:
    """Return the run of the same variant that has the same logits, under any seed."""
    predictions = outcome.test_predictions
    for other in others:
        is_same_variant = other.variant.name == outcome.variant.name
        if is_same_variant and predictions.has_same_logits_as(other.test_predictions):
            return other
    return None
