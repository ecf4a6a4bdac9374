"""Training many jobs side by side, on any `concurrent.futures.Executor`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from cifarkit.comparison.job_training import JobResult, SharedFolder, end_with_parent, train_job
from cifarkit.comparison.jobs import Job
from cifarkit.errors import ComparisonError

__all__ = ["Workers", "own_workers", "train_jobs"]

GLANCE = 0.5  # seconds between two checks of how far the runs are
# Bytes by which a worker may grow: the next network may be larger than the first. By default loky
# replaces a worker after 300 MB, and warns of a leak; it checks only if psutil is installed.
LEAK = "2e9"
PATIENCE = 20.0  # seconds for workers to finish their step and save
DIED = "its worker died, even when no other run was training: it was killed, or out of memory"


@dataclass(frozen=True)
class Workers:
    """The workers that train.

    Args:
        executor: runs functions in other threads, processes or machines.
        threads: for torch in each run; None leaves them as they are.
        count: how many runs go side by side; None where only the executor knows.
        futures: the futures of what was submitted.
    """

    executor: Executor
    threads: int | None = None
    count: int | None = None
    futures: list[Future[Any]] = field(default_factory=list)


@contextmanager
def own_workers(device: torch.device, jobs: int, shared: SharedFolder) -> Iterator[Workers]:
    """Start processes that train side by side.

    On a CPU there is one process for each core, with one thread each: a small network cannot keep
    many cores busy. (It can keep two busy: there, side by side is as quick as one after another,
    see `docs/explanation/what-makes-it-fast.md`.) It stays one thread even with more cores than
    runs: the last bits of a run depend on the number of threads, and must not depend on how many
    other runs there are. One run keeps a GPU busy.

    Args:
        device: the device to train on.
        jobs: how many jobs; there are at most as many processes.
        shared: the comparison's folder.
    """
    from loky import ProcessPoolExecutor, cpu_count

    on_cpu = device.type == "cpu"
    cores = cpu_count(only_physical_cores=True) if on_cpu else 1
    count = max(1, min(cores, jobs))
    environment = {"LOKY_MAX_MEMORY_LEAK_SIZE": LEAK}
    if on_cpu:
        environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    executor = ProcessPoolExecutor(
        max_workers=count,
        env=environment,
        initializer=end_with_parent,
        initargs=(os.getpid(), shared),
    )
    workers = Workers(executor, 1 if on_cpu else None, count)
    try:
        yield workers
    finally:
        busy = any(not future.done() for future in workers.futures)
        executor.shutdown(wait=True, kill_workers=busy)


def train_jobs(
    jobs: Sequence[Job],
    shared: SharedFolder,
    *,
    device: torch.device,
    executor: Executor | None,
    watch: Callable[[Mapping[Job, JobResult | None]], None] | None = None,
) -> dict[Job, JobResult]:
    """Train all jobs that are not done.

    Args:
        jobs: the jobs, in the order in which they begin.
        shared: where the data is.
        device: the device to train on.
        executor: the user's; new processes when None.
        watch: called twice a second with the result of each job, None while it is not over.

    Returns:
        How each job ended.

    Raises:
        KeyboardInterrupt: all runs are saved, and the same comparison resumes them.
    """
    results: dict[Job, JobResult] = {}

    def report() -> None:
        if watch is not None:
            watch({job: results.get(job) for job in jobs})

    if executor is not None:
        _train(jobs, shared, Workers(executor), results, report)
        return {job: results.get(job, JobResult(DIED)) for job in jobs}
    while left := [job for job in jobs if job not in results]:
        with own_workers(device, len(left), shared) as workers:
            _train(left, shared, workers, results, report)
        # When one worker dies, the runs of the others end, too. The runs that had begun are then
        # resumed one by one, which shows the run that kills its worker.
        left = [job for job in left if job not in results]
        for job in [job for job in left if job.folder.exists()] or left[:1]:
            with own_workers(device, 1, shared) as workers:
                _train([job], shared, workers, results, report)
            results.setdefault(job, JobResult(DIED))
    return results


def _train(
    jobs: Sequence[Job],
    shared: SharedFolder,
    workers: Workers,
    results: dict[Job, JobResult],
    report: Callable[[], None],
) -> None:
    """Train jobs until each has ended or the workers have died; fill `results`."""
    try:
        futures = {
            workers.executor.submit(train_job, job, shared, workers.threads): job for job in jobs
        }
    except BrokenExecutor:
        raise
    except RuntimeError as error:  # such as an executor that was shut down
        raise ComparisonError(f"the executor does not accept work: {error}") from error
    workers.futures.extend(futures)
    waiting = set(futures)
    try:
        while waiting:
            over, waiting = wait(waiting, GLANCE, FIRST_COMPLETED)
            ended = {futures[future]: _result_of(future) for future in over}
            results.update({job: result for job, result in ended.items() if result is not None})
            report()
    except KeyboardInterrupt:
        _stop(set(futures), shared)
        raise KeyboardInterrupt("all runs are saved; the same call resumes them") from None


def _result_of(future: Future[JobResult]) -> JobResult | None:
    """Return how a job ended; None when its worker died."""
    try:
        return future.result()
    except BrokenExecutor:
        return None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a builder raises
        return JobResult(f"{type(error).__name__}: {error}")


def _stop(futures: set[Future[JobResult]], shared: SharedFolder) -> None:
    """Let the runs in training finish their step and save; start no other run."""
    shared.stop_sign.touch()
    for future in futures:
        future.cancel()
    wait({future for future in futures if not future.cancelled()}, PATIENCE)
