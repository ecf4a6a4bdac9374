"""What fits into a time."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

import cifarkit as ck
from cifarkit.comparison import trial
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
    chosen = jobs_within(seconds, jobs, shared, device=torch.device("cpu"), executor=here)
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
    chosen = jobs_within(seconds, jobs, shared, device=torch.device("cpu"), executor=here)
    assert chosen == jobs[: 2 * seeds]
