"""The table of jobs while they are trained."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.blocks import as_text
from cifarkit.comparison.job_training import JobResult
from cifarkit.comparison.jobs import Job
from cifarkit.comparison.progress import ComparisonProgress
from cifarkit.tables import duration


def job(folder: Path, name: str, seed: int, *, is_done: bool = False) -> Job:
    return Job(ck.get_variant(name), seed, "cpu", (), folder / f"{name}-{seed}", "key", is_done)


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """Two done before, one at epoch 2 of 10, one that waits."""
    chosen = [
        job(tmp_path, "linear", 0, is_done=True),
        job(tmp_path, "mlp", 0, is_done=True),
        job(tmp_path, "linear", 1),
        job(tmp_path, "mlp", 1),
    ]
    chosen[2].folder.mkdir()
    records: list[Any] = [{"epoch": 1, "seconds": 10.0}, {"epoch": 2, "seconds": 20.0}]
    ck.History(records).to_csv(chosen[2].folder / "history.csv")
    return chosen


def test_the_table_shows_every_cell_and_the_time_left(jobs: list[Job]) -> None:
    progress = ComparisonProgress(jobs, io.StringIO())
    progress.update(dict.fromkeys(jobs[2:]))
    assert as_text(*progress.blocks()).splitlines() == [
        "        seed 0  seed 1",
        "linear   there    2/10",
        "mlp      there       .",
        "2 of 4 runs done, about 4 min left",  # 8 and 10 epochs of 15 s
    ]


def test_many_seeds_go_on_below_and_fit_a_terminal(tmp_path: Path) -> None:
    jobs = [
        job(tmp_path, name, seed, is_done=True) for seed in range(12) for name in ("linear", "mlp")
    ]
    lines = as_text(*ComparisonProgress(jobs, io.StringIO()).blocks()).splitlines()
    assert [line.split(" ")[0] for line in lines] == ["", "linear", "mlp"] * 2 + ["24"]
    assert "".join(lines).count("there") == 24
    assert "seed 11" in lines[3]
    assert all(len(line) <= 80 for line in lines)


def test_without_a_terminal_there_is_a_line_for_each_end(jobs: list[Job]) -> None:
    stream = io.StringIO()
    progress = ComparisonProgress(jobs, stream)
    ends: dict[Job, JobResult | None] = {jobs[2]: JobResult(), jobs[3]: None}
    progress.update(ends)
    progress.update(ends)
    progress.update({**ends, jobs[3]: JobResult("NonFiniteLossError: nan")})
    assert stream.getvalue().splitlines() == [
        "2 of 4 runs done",
        "linear seed 1: done; 3 of 4 runs done, about 2 min left",
        "mlp seed 1: failed: NonFiniteLossError: nan; 4 of 4 runs done",
    ]


def test_runs_that_may_not_be_needed_are_counted_as_the_most(jobs: list[Job]) -> None:
    stream = io.StringIO()
    progress = ComparisonProgress(jobs, stream, until_decided=True)
    progress.update({jobs[2]: JobResult()})
    progress.update({jobs[3]: None})  # the next look keeps what ended before
    assert progress.summary() == "3 of at most 4 runs done, about 2 min to the next look"
    assert stream.getvalue().startswith("2 of at most 4 runs done\n")


def test_on_a_terminal_one_table_is_kept_up_to_date(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with ComparisonProgress(jobs, stream) as progress:
        progress.update({jobs[2]: JobResult(), jobs[3]: None})
    assert "done" in stream.getvalue()
    assert "3 of 4 runs done" in stream.getvalue()


def test_nobody_who_reads_is_no_reason_to_stop(jobs: list[Job]) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with ComparisonProgress(jobs, Broken()) as progress:
        progress.update({jobs[2]: JobResult(), jobs[3]: None})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5_399, "90 min"), (5_400, "1.5 h")],
)
def test_durations_are_said_as_one_says_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words
