"""What fits into a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import cifarkit as ck
from cifarkit.comparison import budget, trial
from cifarkit.comparison.budget import jobs_within, seconds_of
from cifarkit.comparison.job_training import SharedFolder
from cifarkit.comparison.jobs import Job, plan_jobs


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("30 min", 1800), ("1.5h", 5400), ("90s", 90), ("90", 90), (2.5, 2.5)],
)
def test_a_time_is_read_as_it_is_written(text: Any, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "0", "-3m", "1d", "1h30m", "nan", "inf", 0, -1, None])
def test_what_is_no_time_is_refused(text: Any) -> None:
    with pytest.raises(ck.ComparisonError, match="'30m'"):
        seconds_of(text)


@pytest.fixture
def shared(tiny: ck.Splits, tmp_path: Path) -> SharedFolder:
    place = SharedFolder(tmp_path)
    place.put_data(tiny)
    return place


def cells_of(tiny: ck.Splits, run_dir: Path, seeds: int, *names: str) -> list[Job]:
    return plan_jobs(
        [ck.get_variant(name) for name in names],
        range(seeds),
        tiny,
        run_dir=run_dir,
        device=torch.device("cpu"),
        callbacks=(),
    )


def fitting(
    seconds: float,
    jobs: list[Job],
    shared: SharedFolder,
    rounds: list[Sequence[int]],
    executor: ThreadPoolExecutor,
) -> list[Job]:
    cpu = torch.device("cpu")
    return jobs_within(seconds, jobs, shared, rounds=rounds, device=cpu, executor=executor)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a clock that stands still until a test sets it."""
    now = [0.0]
    monkeypatch.setattr(budget, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    return now


@pytest.mark.parametrize(("seconds", "seeds"), [(30, 1), (59, 1), (60, 2), (89, 2), (1_000, 4)])
def test_as_many_whole_seeds_as_fit(
    seconds: float,
    seeds: int,
    tiny: ck.Splits,
    shared: SharedFolder,
    monkeypatch: pytest.MonkeyPatch,
    here: ThreadPoolExecutor,
) -> None:
    costs = {"linear": 10.0, "mlp": 20.0}
    monkeypatch.setattr(trial, "time_job", lambda job, *_: costs[job.variant.name])
    jobs = cells_of(tiny, shared.path, 4, "linear", "mlp")
    chosen = fitting(seconds, jobs, shared, [range(4)], here)
    assert chosen == jobs[: 2 * seeds]


@pytest.mark.parametrize(("seconds", "seeds"), [(30, 3), (90, 3), (120, 4)])
def test_what_is_there_is_taken_and_the_same_line_again_adds_nothing(
    seconds: float,
    seeds: int,
    tiny: ck.Splits,
    shared: SharedFolder,
    monkeypatch: pytest.MonkeyPatch,
    here: ThreadPoolExecutor,
) -> None:
    monkeypatch.setattr(trial, "time_job", lambda *_: 15.0)
    jobs = [
        dataclasses.replace(job, is_done=job.seed < 3)
        for job in cells_of(tiny, shared.path, 4, "linear", "mlp")
    ]
    chosen = fitting(seconds, jobs, shared, [range(4)], here)
    assert chosen == jobs[: 2 * seeds]


def test_the_trial_takes_its_time_from_the_budget(
    tiny: ck.Splits,
    shared: SharedFolder,
    monkeypatch: pytest.MonkeyPatch,
    here: ThreadPoolExecutor,
    clock: list[float],
) -> None:
    def time_job(*_: Any) -> float:
        clock[0] += 20.0
        return 15.0

    monkeypatch.setattr(trial, "time_job", time_job)
    jobs = cells_of(tiny, shared.path, 4, "linear", "mlp")
    assert fitting(99, jobs, shared, [range(4)], here) == jobs[:2]  # of 59 seconds
    clock[0] = 0.0
    assert fitting(100, jobs, shared, [range(4)], here) == jobs[:4]
    with pytest.raises(ck.ComparisonError, match=r"takes about 30 s after a trial of 40 s"):
        fitting(69, jobs, shared, [range(4)], here)


@pytest.mark.parametrize(("seconds", "seeds"), [(24, 1), (25, 2), (45, 2), (46, 3), (67, 4)])
def test_each_round_waits_for_the_one_before_and_for_its_workers(
    seconds: float,
    seeds: int,
    tiny: ck.Splits,
    shared: SharedFolder,
    here: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two workers: side by side, a seed takes as long as its slower variant."""
    timed = trial.Trial({"linear": 2.0, "mlp": 20.0}, workers=2, start=1.0)
    monkeypatch.setattr(budget, "run_trial", lambda *_, **__: timed)
    jobs = cells_of(tiny, shared.path, 4, "linear", "mlp")
    assert fitting(seconds, jobs, shared, [[0, 1], [2], [3]], here) == jobs[: 2 * seeds]
