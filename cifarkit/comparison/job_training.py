"""Training one job, in the process that an executor has chosen for it."""

from __future__ import annotations

import copy
import os
import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from cifarkit.comparison.jobs import Job
from cifarkit.data.image_set import ImageSet
from cifarkit.data.splits import Splits
from cifarkit.errors import CifarkitError
from cifarkit.runs.checkpoint import CheckpointFiles
from cifarkit.runs.run import Run
from cifarkit.runs.test_access import score_on_test
from cifarkit.storage.tensor_file import load_tensors, save_tensors
from cifarkit.training.callback import Callback
from cifarkit.training.callbacks.checkpoint import Checkpoint
from cifarkit.training.train import train

__all__ = [
    "JobResult",
    "ONE_AT_A_TIME",
    "SharedFolder",
    "end_run",
    "end_with_parent",
    "train_job",
    "train_run",
]

ONE_AT_A_TIME = threading.Lock()  # torch's global generators belong to one training
STOPPED = "not trained: the comparison was stopped"


@dataclass(frozen=True)
class JobResult:
    """How the training of a job ended.

    Args:
        error: why there is no run; empty when there is one.
        warnings: the texts of all warnings.
    """

    error: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SharedFolder:
    """The folder that a comparison shares with its workers: the data, and a signal to stop.

    Every executor can share files: its workers may be threads, processes or other machines that
    see the same disk.

    Args:
        path: the folder's path.
    """

    path: Path

    @property
    def stop_sign(self) -> Path:
        """The signal file: when it exists, each worker finishes its step, saves, and ends."""
        return self.path / "stop"

    @property
    def data(self) -> Path:
        """The file of the data."""
        return self.path / "data.safetensors"

    def put_data(self, splits: Splits) -> None:
        """Write the data for the workers.

        Raises:
            OSError: the file cannot be written.
        """
        parts = {"train": splits.train, "val": splits.val, "test": splits.test}
        tensors: dict[str, torch.Tensor] = {}
        for name, part in parts.items():
            if part is not None:
                tensors |= {f"{name} images": part.images, f"{name} labels": part.labels}
        about = {**splits.describe(), "classes": splits.classes}
        save_tensors(self.data, tensors, about)

    def take_data(self) -> Splits:
        """Read the data, once in a process."""
        return _read_data(self.data, self.data.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _read_data(path: Path, _written: int) -> Splits:
    tensors, about = load_tensors(path)

    def part(name: str) -> ImageSet | None:
        if f"{name} images" not in tensors:
            return None
        images, labels = tensors[f"{name} images"], tensors[f"{name} labels"]
        return ImageSet(images, labels, tuple(about["classes"]))

    train_set, test_set = part("train"), part("test")
    assert train_set is not None  # `put_data` writes both
    assert test_set is not None
    return Splits(train_set, part("val"), test_set, about["name"], about["source"])


class _Overseer(Callback):
    """Records the job, before other callbacks look, and interrupts when the signal file exists."""

    def __init__(self, key: str, sign: Path) -> None:
        self.key, self.sign = key, sign

    def on_fit_start(self, run: Run) -> None:
        run.facts.cell = self.key

    def on_batch_end(self, run: Run) -> None:
        if self.sign.exists():
            run.interrupt()


def end_with_parent(parent: int, shared: SharedFolder) -> None:
    """Finish the step, save, and end this process when its parent process was killed.

    Args:
        parent: the id of the parent process; Windows does not report its death.
        shared: the comparison's folder.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        with suppress(OSError):  # the folder is gone, too
            shared.stop_sign.touch()
        with ONE_AT_A_TIME:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def train_job(job: Job, shared: SharedFolder, threads: int | None) -> JobResult:
    """Train or resume a job, then, if it is scored, evaluate it once on test.

    Args:
        job: what to train.
        shared: where the data is.
        threads: for torch; None leaves them as they are.

    Returns:
        How it ended; the run itself is in its folder.
    """
    with ONE_AT_A_TIME, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        error = _train(job, shared, threads)
    return JobResult(error, tuple(dict.fromkeys(str(warning.message) for warning in caught)))


def _train(job: Job, shared: SharedFolder, threads: int | None) -> str:
    if shared.stop_sign.exists():
        return STOPPED
    if threads is not None:
        torch.set_num_threads(threads)
    overseer = _Overseer(job.key, shared.stop_sign)
    listeners = copy.deepcopy(job.callbacks)  # threads would share them
    try:
        splits = shared.take_data()
        run = train_run(job, splits, [overseer, *listeners])
        end_run(run, splits, is_scored=job.is_scored)
    except KeyboardInterrupt:
        return STOPPED
    except CifarkitError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def train_run(job: Job, splits: Splits, callbacks: Sequence[Callback]) -> Run:
    """Train or resume the run of a job in its folder.

    Args:
        job: what to train.
        splits: the data.
        callbacks: this run's own.
    """
    return train(
        job.variant,
        splits,
        seed=job.seed,
        device=job.device,
        callbacks=[*callbacks, Checkpoint(every_seconds=60)],
        run_dir=job.folder,
        show_progress=False,
        resume=True,
    )


def end_run(run: Run, splits: Splits, *, is_scored: bool = True) -> None:
    """Evaluate a run that is over on test, and remove what only a longer training would need.

    Args:
        run: the run.
        splits: the data.
        is_scored: whether test is evaluated.
    """
    if is_scored:
        score_on_test(run, splits)
    if run.folder is not None:
        CheckpointFiles(run.folder).close(keep_final=False)  # many runs that end here
