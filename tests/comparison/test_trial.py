"""How long runs will take, reckoned by clocks that count instead of waiting."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import cifarkit as ck
from cifarkit.comparison import trial as module
from cifarkit.comparison.job_training import SharedFolder
from cifarkit.comparison.jobs import Job
from cifarkit.comparison.trial import Trial, run_trial, time_job

CPU = torch.device("cpu")


@pytest.fixture
def shared(tiny: ck.Splits, tmp_path: Path) -> SharedFolder:
    place = SharedFolder(tmp_path)
    place.put_data(tiny)
    return place


def job_of(recipe: ck.Recipe, builder: Any = None, name: str = "one") -> Job:
    builder = builder or ck.get_variant("linear").builder
    variant = ck.Variant(name, builder, recipe=recipe)
    return Job(variant, 0, "cpu", (), Path("run"), "key", is_done=False)


def test_a_run_begins_as_soon_as_a_worker_is_free() -> None:
    trial = Trial({"a": 10.0, "b": 4.0}, workers=2, start=1.0)
    assert trial.seconds_for(["a", "b", "b", "b"]) == 1 + 12
    assert trial.seconds_for(["a", "b"]) == 1 + 10
    assert trial.seconds_for([]) == 0


@given(st.lists(st.sampled_from("ab")), st.integers(1, 5))
def test_more_runs_take_no_less_and_no_more_than_one_after_another(
    names: list[str], workers: int
) -> None:
    trial = Trial({"a": 10.0, "b": 4.0}, workers)
    alone = dataclasses.replace(trial, workers=1).seconds_for(names)
    assert alone / workers <= trial.seconds_for(names) <= alone
    assert trial.seconds_for(names) <= trial.seconds_for([*names, "b"])


def test_runs_end_when_an_executor_would_end_them(here: ThreadPoolExecutor) -> None:
    """The makespan against a simulation of workers that take the next run."""
    costs = {"a": 7, "b": 3, "c": 2}
    names = list("abcabbcaacbb")
    clock, running, waiting = 0, [0, 0, 0], [costs[name] for name in names]
    while waiting or any(running):
        for worker, left in enumerate(running):
            if not left and waiting:
                running[worker] = waiting.pop(0)
        running = [max(0, left - 1) for left in running]
        clock += 1
    assert Trial({name: float(cost) for name, cost in costs.items()}, 3).seconds_for(names) == clock


class Clock:
    """Counts what a run costs: once, each epoch, each image of train and val, and of test."""

    def __init__(self, run: int = 0, epoch: int = 0, image: int = 1, test: int = 1) -> None:
        self.now = 0
        self.run, self.epoch, self.image, self.test = run, epoch, image, test

    def train(self, job: Job, splits: ck.Splits, _callbacks: Any = ()) -> None:
        recipe = job.variant.recipe
        self.now += self.run + self.epoch * recipe.epochs
        for epoch in range(recipe.epochs):
            asked = {"seed": 0, "epoch": epoch, "epochs": recipe.epochs, "augment": recipe.augment}
            for batch in ck.training_batches(splits.train, recipe.batch_size, **asked):
                self.now += self.image * batch.images.numel()

    def score(self, _run: Any, splits: ck.Splits) -> None:
        self.now += self.test * splits.test.images.numel()


def reckoned(
    clock: Clock, job: Job, shared: SharedFolder, monkeypatch: pytest.MonkeyPatch
) -> tuple[float, float]:
    """Return the time by trial, and the true time."""
    monkeypatch.setattr(module, "train_run", clock.train)
    monkeypatch.setattr(module, "end_run", clock.score)
    monkeypatch.setattr(module.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(module, "ENOUGH", 0)
    found = time_job(job, shared, None)
    clock.now = 0
    clock.train(job, shared.take_data())
    clock.score(None, shared.take_data())
    return found, clock.now


@pytest.mark.parametrize("epochs", [1, 3, 7, 30])
@pytest.mark.parametrize(
    "costs", [{}, {"run": 10**6}, {"epoch": 10**5}, {"run": 10**6, "epoch": 10**5, "test": 30}]
)
def test_what_is_paid_once_or_each_epoch_is_not_multiplied(
    costs: dict[str, int],
    epochs: int,
    shared: SharedFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = job_of(ck.Recipe(epochs=epochs, batch_size=20))
    found, true = reckoned(Clock(**costs), job, shared, monkeypatch)
    assert found == pytest.approx(true, rel=0.01)


@pytest.mark.parametrize(("trial_epochs", "is_right"), [(module.EPOCHS, True), (1, False)])
def test_a_trial_of_windows_that_grow_is_right_on_the_mean(
    trial_epochs: int, is_right: bool, shared: SharedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that counts the pixels of a training; the control looks at the last epoch alone."""
    monkeypatch.setattr(module, "EPOCHS", trial_epochs)
    growing = (ck.GrowingCrop(first=20, last=28),)
    job = job_of(ck.Recipe(epochs=12, batch_size=10, augment=growing))
    found, true = reckoned(Clock(), job, shared, monkeypatch)
    assert (abs(found / true - 1) < 0.05) == is_right


def test_a_trial_leaves_nothing_and_never_looks_at_test(
    shared: SharedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    score = module.end_run

    def note(run: ck.Run, splits: ck.Splits) -> None:
        seen.append(splits)
        score(run, splits)

    monkeypatch.setattr(module, "end_run", note)
    before = sorted(shared.path.iterdir())
    assert time_job(job_of(ck.Recipe(epochs=2)), shared, None) > 0
    assert sorted(shared.path.iterdir()) == before
    train = {image.numpy().tobytes() for image in shared.take_data().train.images}
    assert {image.numpy().tobytes() for splits in seen for image in splits.test.images} <= train


def test_every_worker_is_busy_and_threads_are_one(
    shared: SharedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(module, "time_job", lambda job, *_: asked.append(job.name) or 2.0)
    with ThreadPoolExecutor(4) as threads:
        trial = run_trial([job_of(ck.Recipe())] * 3, shared, device=CPU, executor=threads)
    assert (trial, len(asked)) == (Trial({"one": 2.0}, workers=1), 1)

    class Elsewhere:
        """An executor of four processes, as far as a trial can see."""

        _max_workers = 4

        def submit(self, function: Any, *arguments: Any) -> Any:
            with ThreadPoolExecutor(1) as thread:
                return thread.submit(function, *arguments)

    trial = run_trial([job_of(ck.Recipe())], shared, device=CPU, executor=Elsewhere())
    assert (trial.workers, len(asked)) == (4, 5)


def test_a_trial_that_fails_says_why(shared: SharedFolder, here: ThreadPoolExecutor) -> None:
    def broken(*, num_classes: int = 10) -> Any:
        raise ValueError("no such layer")

    trial = run_trial([job_of(ck.Recipe(), broken)], shared, device=CPU, executor=here)
    assert trial.seconds == {"one": 0.0}
    assert trial.failures["one"].endswith("ValueError: no such layer")
