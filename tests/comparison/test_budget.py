"""What fits into a time."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

import cifarkit as ck
from cifarkit.comparison import budget
from cifarkit.comparison.budget import jobs_within, seconds_of, time_job
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
    monkeypatch.setattr(budget, "time_job", lambda job, *_: costs[job.variant.name])
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
    monkeypatch.setattr(budget, "time_job", lambda *_: 15.0)
    jobs = [
        dataclasses.replace(job, is_done=job.seed < 3)
        for job in cells_of(tiny, shared.path, 4, "linear", "mlp")
    ]
    chosen = jobs_within(seconds, jobs, shared, device=torch.device("cpu"), executor=here)
    assert chosen == jobs[: 2 * seeds]


def test_a_trial_reckons_with_all_images_and_epochs(tiny: ck.Splits, shared: SharedFolder) -> None:
    few, many = (
        Job(
            ck.Variant("one", ck.get_variant("linear").builder, recipe=ck.Recipe(epochs=epochs)),
            0,
            "cpu",
            (),
            shared.path / "run",
            "key",
            is_done=False,
        )
        for epochs in (1, 1_000)
    )
    # A thousand times the epochs: no load of a machine makes up for that.
    assert 0 < time_job(few, shared, None) < time_job(many, shared, None)
    assert not (shared.path / "run").exists()


@pytest.mark.parametrize(("trial_epochs", "is_right"), [(budget.TRIAL_EPOCHS, True), (1, False)])
def test_a_trial_of_windows_that_grow_is_right_on_the_mean(
    trial_epochs: int,
    is_right: bool,
    tiny: ck.Splits,
    shared: SharedFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A clock that counts the pixels of a training; the control looks at the last epoch alone."""
    clock = [0]

    def count_pixels(variant: ck.Variant, splits: ck.Splits, **_: Any) -> None:
        epochs = variant.recipe.epochs
        for epoch in range(epochs):
            asked = {"seed": 0, "epoch": epoch, "epochs": epochs, "augment": variant.recipe.augment}
            for batch in ck.training_batches(splits.train, variant.recipe.batch_size, **asked):
                clock[0] += batch.images.numel()

    monkeypatch.setattr(budget, "train", count_pixels)
    monkeypatch.setattr(budget.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(budget, "TRIAL_EPOCHS", trial_epochs)
    recipe = ck.Recipe(epochs=12, batch_size=10, augment=(ck.GrowingCrop(first=20, last=28),))
    growing = ck.Variant("growing", ck.get_variant("linear").builder, recipe=recipe)
    job = Job(growing, 0, "cpu", (), shared.path / "run", "key", is_done=False)
    reckoned = time_job(job, shared, None)
    clock[0] = 0
    count_pixels(growing, tiny)
    assert (abs(reckoned / clock[0] - 1) < 0.05) == is_right
