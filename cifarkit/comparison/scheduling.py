"""Training many jobs side by side, on any `concurrent.futures.Executor`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from cifarkit.comparison.job_training import JobResult, SharedFolder, end_with_parent, train_job
from cifarkit.comparison.jobs import Job
from cifarkit.errors import ComparisonError

__all__ = ["Workers", "own_workers", "train_cells"]

GLANCE = 0.5  # seconds between two looks at how far the runs are
# Bytes by which a worker may grow: the next network may be larger than the first. By itself loky
# starts a new one after 300 MB, and warns of a leak; it looks where psutil is installed.
LEAK = "2e9"
PATIENCE = 20.0  # seconds for workers to finish their step and save
DIED = "its worker died, also when it had the machine to itself: killed, or out of memory"


@dataclass(frozen=True)
class Workers:
    """Who trains.

    Args:
        executor: runs functions somewhere.
        threads: for torch in each run; None leaves them as they are.
        count: how many runs go side by side; None where only the executor knows.
        futures: of the runs, as they are handed out.
    """

    executor: Executor
    threads: int | None = None
    count: int | None = None
    futures: list[Future[JobResult]] = field(default_factory=list)


@contextmanager
def own_workers(device: torch.device, jobs: int, shared: SharedFolder) -> Iterator[Workers]:
    """Start processes that train side by side.

    On a CPU one for each core, with one thread each: a small network cannot keep many cores busy.
    (On two it can: there side by side was measured to be as quick as one after another, see
    `docs/explanation/what-makes-it-fast.md`.) It stays one thread where there are more cores than
    runs, because the bits of a run depend on it, and must not on how many others there are. A GPU
    is kept busy by one run.

    Args:
        device: to train on.
        jobs: more processes than jobs are of no use.
        shared: of the comparison.
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


def train_cells(
    jobs: Sequence[Job],
    shared: SharedFolder,
    *,
    device: torch.device,
    executor: Executor | None,
    watch: Callable[[Mapping[Job, JobResult | None]], None] | None = None,
) -> dict[Job, JobResult]:
    """Train all jobs that are not done.

    Args:
        jobs: in the order in which they are to be begun.
        shared: where the data is.
        device: to train on.
        executor: of the user; own processes when None.
        watch: is called twice a second with the jobs that were begun, and how they ended.

    Returns:
        How each job ended.

    Raises:
        KeyboardInterrupt: all runs have been saved, and the same comparison goes on with them.
    """
    ends: dict[Job, JobResult] = {}

    def look() -> None:
        if watch is not None:
            watch({job: ends.get(job) for job in jobs})

    if executor is not None:
        _train(jobs, shared, Workers(executor), ends, look)
        return {job: ends.get(job, JobResult(DIED)) for job in jobs}
    while left := [job for job in jobs if job not in ends]:
        with own_workers(device, len(left), shared) as workers:
            _train(left, shared, workers, ends, look)
        # When one worker dies, the others' runs are cut off too: those that had begun go on one by
        # one, and so the one that kills is found.
        left = [job for job in left if job not in ends]
        for job in [one for one in left if one.folder.exists()] or left[:1]:
            with own_workers(device, 1, shared) as workers:
                _train([job], shared, workers, ends, look)
            ends.setdefault(job, JobResult(DIED))
    return ends


def _train(
    jobs: Sequence[Job],
    shared: SharedFolder,
    workers: Workers,
    ends: dict[Job, JobResult],
    look: Callable[[], None],
) -> None:
    """Train jobs until each has ended, or the workers have died; note how in `ends`."""
    try:
        futures = {
            workers.executor.submit(train_job, job, shared, workers.threads): job for job in jobs
        }
    except BrokenExecutor:
        raise
    except RuntimeError as error:  # such as one that was shut down
        raise ComparisonError(f"the executor takes no work: {error}") from error
    workers.futures.extend(futures)
    waiting = set(futures)
    try:
        while waiting:
            over, waiting = wait(waiting, GLANCE, FIRST_COMPLETED)
            ended = {futures[future]: _end_of(future) for future in over}
            ends.update({job: end for job, end in ended.items() if end is not None})
            look()
    except KeyboardInterrupt:
        _stop(set(futures), shared)
        raise KeyboardInterrupt("all runs are saved; the same call goes on with them") from None


def _end_of(future: Future[JobResult]) -> JobResult | None:
    """Return how a job ended; None when its worker died."""
    try:
        return future.result()
    except BrokenExecutor:
        return None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a builder raises
        return JobResult(f"{type(error).__name__}: {error}")


def _stop(futures: set[Future[JobResult]], shared: SharedFolder) -> None:
    """Let those that train finish their step and save; begin no more."""
    shared.stop_sign.touch()
    for future in futures:
        future.cancel()
    wait({future for future in futures if not future.cancelled()}, PATIENCE)
