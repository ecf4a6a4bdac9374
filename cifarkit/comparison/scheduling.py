"""Training many cells side by side, on any `concurrent.futures.Executor`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from cifarkit.comparison.cell_training import CellEnd, Workplace, end_with_parent, train_cell
from cifarkit.comparison.cells import Cell
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
    futures: list[Future[CellEnd]] = field(default_factory=list)


@contextmanager
def own_workers(device: torch.device, cells: int, workplace: Workplace) -> Iterator[Workers]:
    """Start processes that train side by side.

    On a CPU one for each core, with one thread each: a small network cannot keep many cores busy.
    (On two it can: there side by side was measured to be as quick as one after another, see
    `docs/explanation/what-makes-it-fast.md`.) It stays one thread where there are more cores than
    runs, because the bits of a run depend on it, and must not on how many others there are. A GPU
    is kept busy by one run.

    Args:
        device: to train on.
        cells: more processes than cells are of no use.
        workplace: of the comparison.
    """
    from loky import ProcessPoolExecutor, cpu_count

    on_cpu = device.type == "cpu"
    cores = cpu_count(only_physical_cores=True) if on_cpu else 1
    count = max(1, min(cores, cells))
    environment = {"LOKY_MAX_MEMORY_LEAK_SIZE": LEAK}
    if on_cpu:
        environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    executor = ProcessPoolExecutor(
        max_workers=count,
        env=environment,
        initializer=end_with_parent,
        initargs=(os.getpid(), workplace),
    )
    workers = Workers(executor, 1 if on_cpu else None, count)
    try:
        yield workers
    finally:
        busy = any(not future.done() for future in workers.futures)
        executor.shutdown(wait=True, kill_workers=busy)


def train_cells(
    cells: Sequence[Cell],
    workplace: Workplace,
    *,
    device: torch.device,
    executor: Executor | None,
    watch: Callable[[Mapping[Cell, CellEnd | None]], None] | None = None,
) -> dict[Cell, CellEnd]:
    """Train all cells that are not done.

    Args:
        cells: in the order in which they are to be begun.
        workplace: where the data is.
        device: to train on.
        executor: of the user; own processes when None.
        watch: is called twice a second with the cells that were begun, and how they ended.

    Returns:
        How each cell ended.

    Raises:
        KeyboardInterrupt: all runs have been saved, and the same comparison goes on with them.
    """
    ends: dict[Cell, CellEnd] = {}

    def look() -> None:
        if watch is not None:
            watch({cell: ends.get(cell) for cell in cells})

    if executor is not None:
        _train(cells, workplace, Workers(executor), ends, look)
        return {cell: ends.get(cell, CellEnd(DIED)) for cell in cells}
    while left := [cell for cell in cells if cell not in ends]:
        with own_workers(device, len(left), workplace) as workers:
            _train(left, workplace, workers, ends, look)
        # When one worker dies, the others' runs are cut off too: those that had begun go on one by
        # one, and so the one that kills is found.
        left = [cell for cell in left if cell not in ends]
        for cell in [one for one in left if one.folder.exists()] or left[:1]:
            with own_workers(device, 1, workplace) as workers:
                _train([cell], workplace, workers, ends, look)
            ends.setdefault(cell, CellEnd(DIED))
    return ends


def _train(
    cells: Sequence[Cell],
    workplace: Workplace,
    workers: Workers,
    ends: dict[Cell, CellEnd],
    look: Callable[[], None],
) -> None:
    """Train cells until each has ended, or the workers have died; note how in `ends`."""
    try:
        futures = {
            workers.executor.submit(train_cell, cell, workplace, workers.threads): cell
            for cell in cells
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
            ends.update({cell: end for cell, end in ended.items() if end is not None})
            look()
    except KeyboardInterrupt:
        _stop(set(futures), workplace)
        raise KeyboardInterrupt("all runs are saved; the same call goes on with them") from None


def _end_of(future: Future[CellEnd]) -> CellEnd | None:
    """Return how a cell ended; None when its worker died."""
    try:
        return future.result()
    except BrokenExecutor:
        return None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a builder raises
        return CellEnd(f"{type(error).__name__}: {error}")


def _stop(futures: set[Future[CellEnd]], workplace: Workplace) -> None:
    """Let those that train finish their step and save; begin no more."""
    workplace.stop_sign.touch()
    for future in futures:
        future.cancel()
    wait({future for future in futures if not future.cancelled()}, PATIENCE)
