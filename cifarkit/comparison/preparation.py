"""What comes before a training of several variants: arguments checked, a folder locked."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from torch import nn

from cifarkit.comparison.job_training import SharedFolder
from cifarkit.comparison.pickling import check_sendable, pickled_by_value
from cifarkit.data.splits import Splits
from cifarkit.errors import ComparisonError, RunFolderError
from cifarkit.models.builders import check_name
from cifarkit.models.registry import get_variant
from cifarkit.models.variant import Variant
from cifarkit.training.callback import Callback
from cifarkit.values import check_fields

if TYPE_CHECKING:
    from cifarkit.models.variant import Builder

__all__ = ["changed", "check_builds", "check_executor", "chosen_variants", "workplace"]


def chosen_variants(variants: Iterable[str | Variant | Builder], call: str) -> list[Variant]:
    """Return the variants that a call names, each under its own name.

    Args:
        variants: registered names, variants or builders.
        call: the function that was called, such as `ck.compare`, for the message.

    Raises:
        ComparisonError: it is not a list of them, it is empty, or a name comes twice.
        ModelNameError: a name is not one that a folder should have.
    """
    if isinstance(variants, str | Variant | nn.Module) or not isinstance(variants, Iterable):
        raise ComparisonError(
            f"variants must be a list of names, found {variants!r}; write {call}(['baseline', "
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


def changed(
    callee: str, variant: Variant, changes: Mapping[str, Any], *, beside: Callable[..., Any]
) -> Variant:
    """Return a variant with a changed recipe.

    Args:
        callee: what was called, for the message.
        variant: the variant.
        changes: fields of the recipe.
        beside: the function that was called, which also takes other arguments by name.

    Raises:
        UnknownFieldError: the recipe has no such field.
        RecipeError: a change does not fit.
    """
    check_fields(callee, changes, variant.recipe, beside=beside)
    return dataclasses.replace(variant, recipe=variant.recipe.replace(**changes))


def check_executor(executor: Executor | None) -> None:
    """Refuse what is not an executor.

    Raises:
        ComparisonError: it has no method `submit`, or it is a class.
    """
    is_class = isinstance(executor, type)
    if is_class or (executor is not None and not callable(getattr(executor, "submit", None))):
        raise ComparisonError(
            f"executor must be a concurrent.futures.Executor or None, found {executor!r}"
        )


def check_builds(variant: Variant, num_classes: int) -> None:
    """Build a variant once, so that a broken builder fails before anything is trained."""
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
    """Lock the folder of the runs, and prepare what the workers need: the data and the user's code.

    Args:
        variants: to be trained.
        callbacks: for every run.
        splits: the data.
        run_dir: the parent of all run folders.
        executor: the user's; new processes when None.

    Raises:
        ComparisonError: another comparison uses `run_dir`, or the code to train cannot be sent to
            another process.
        RunFolderError: `run_dir` cannot be used.
    """
    user_code = [*(variant.builder for variant in variants), *callbacks]
    with _shared_folder(run_dir) as shared, pickled_by_value(user_code):
        if executor is None:
            check_sendable([*variants, *callbacks])
        shared.put_data(splits)
        yield shared


@contextmanager
def _shared_folder(run_dir: Path) -> Iterator[SharedFolder]:
    """Create and lock the folder that a comparison shares with its workers.

    Args:
        run_dir: the parent of all run folders.

    Raises:
        ComparisonError: another comparison uses it.
        RunFolderError: it cannot be created.
    """
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
