"""The processes that train side by side."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

import pytest
import torch
from loky import ProcessPoolExecutor

from cifarkit.comparison.job_training import SharedFolder
from cifarkit.comparison.scheduling import own_workers

MORE = 400_000_000  # bytes: more than loky takes for a leak by itself


def test_a_worker_whose_next_network_is_larger_is_not_taken_for_one_that_leaks(
    tmp_path: Path,
) -> None:
    pytest.importorskip("psutil", reason="without it loky does not look at memory")
    with own_workers(torch.device("cpu"), 1, SharedFolder(tmp_path)) as workers:
        ours, warned = _processes(workers.executor)
    assert len(ours) == 1
    assert warned == []
    plain = ProcessPoolExecutor(max_workers=1)
    theirs, warned = _processes(plain)
    plain.shutdown(kill_workers=True)
    assert len(theirs) == 2  # the control: loky's own limit ends the worker
    assert "memory leak" in warned[0]


def _processes(executor: Executor) -> tuple[set[int], list[str]]:
    """Return which processes did three tasks, the second of which keeps much; and what was said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        futures = [executor.submit(_keeping(), size) for size in (1, MORE, 1)]
        processes = {future.result() for future in futures}
    return processes, [str(one.message) for one in caught]


def _keeping() -> Callable[[int], int]:
    """Return a task that leaves memory in its process; defined within, it is pickled by value."""

    def keep(size: int) -> int:
        from loky import process_executor

        process_executor._MEMORY_LEAK_CHECK_DELAY = -1  # looks after every task
        vars(process_executor).setdefault("kept", []).append(b"x" * size)
        return os.getpid()

    return keep
