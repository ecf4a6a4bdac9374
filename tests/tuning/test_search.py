"""`ck.search` from end to end: what is trained, what is reused, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import cifarkit as ck
from cifarkit.tuning import samplers, trial_runs

RATES = {"optimizer.lr": ck.LogRange(1e-5, 1e-2)}


@pytest.fixture
def search(tiny: ck.Splits, tmp_path: Path, here: ThreadPoolExecutor) -> Any:
    def search(variant: Any = "linear", space: Any = RATES, **changes: Any) -> ck.Search:
        settings: dict[str, Any] = {"trials": 2, "seeds": 1, "epochs": 1, "sampler": "random"}
        settings |= {"run_dir": tmp_path / "runs", "executor": here, "show_progress": False}
        return ck.search(variant, changes.pop("splits", tiny), space, **settings | changes)

    return search


def folders(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "runs").iterdir() if path.is_dir())


def stamps(tmp_path: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/run.json")}


def numbers(found: ck.Search) -> list[Any]:
    fresh = [run.accuracy for run in found.comparison.outcomes]
    return [*((trial.setting, trial.val_accuracy) for trial in found.outcomes), *fresh]


def test_trials_are_runs_that_never_saw_test(search: Any, tmp_path: Path) -> None:
    found = search()
    trials = [f"linear-trial{number}-seed0" for number in range(2)]
    fresh = [f"{name}-seed1" for name in ("linear", "linear-tuned")]
    assert folders(tmp_path) == sorted(trials + fresh)
    for name in trials:
        run = ck.load_run(tmp_path / "runs" / name)
        assert str(ck.looks_at_test(run)) == "not looked at"
        assert not (tmp_path / "runs" / name / "test_logits.safetensors").exists()
        assert (
            "test" not in json.loads((tmp_path / "runs" / name / "run.json").read_text())["facts"]
        )
    assert {str(run.looks) for run in found.comparison.outcomes} == {"once at the end"}
    assert list(found.trials["test"]) == ["not looked at"] * 2


def test_a_trial_is_the_run_that_train_would_give(search: Any, tiny: ck.Splits) -> None:
    for trial in search().outcomes:
        lr = trial.setting["optimizer.lr"]
        alone = ck.train("linear", tiny, epochs=1, optimizer=ck.Adam(lr=lr))
        assert trial.val_accuracy == alone.history[-1]["val_accuracy"]


def test_the_highest_val_accuracy_wins_and_fresh_seeds_are_compared(search: Any) -> None:
    found = search(trials=3, seeds=2, seed=7)
    assert found.naive_accuracy == found.trials["val_accuracy"].max()
    assert found.winner.number == found.trials["val_accuracy"].idxmax()
    lr = found.winner.setting["optimizer.lr"]
    assert found.best.recipe == found.variant.recipe.replace(optimizer=ck.Adam(lr=lr))
    assert found.best.name == "linear-tuned"
    assert [run.seed for run in found.comparison.of("linear-tuned")] == [8, 9]
    assert [run.seed for run in found.comparison.of("linear")] == [8, 9]


def test_settings_that_come_twice_are_no_second_chance(search: Any) -> None:
    """All trials have one seed, so the same setting gives the same accuracy."""
    twice = str(search(space={"batch_size": ck.Choice((32,))}, trials=3))
    assert "equally good" not in twice
    assert "it won by being the highest" not in twice
    two = str(search(space={"batch_size": ck.Choice((32, 64))}, trials=8))
    assert "If all 2 settings were equally good" in " ".join(two.split())


def test_fresh_seeds_that_do_not_exist_are_refused_before_a_trial(
    search: Any, tmp_path: Path
) -> None:
    with pytest.raises(ck.ComparisonError, match="the last fresh seed must be a whole number"):
        search(seed=2**63 - 1)
    assert not (tmp_path / "runs").exists()


def test_the_same_call_trains_nothing_and_more_trials_only_what_is_new(
    search: Any, tmp_path: Path
) -> None:
    first = search()
    before = stamps(tmp_path)
    assert numbers(search()) == numbers(first)
    assert stamps(tmp_path) == before
    more = search(trials=3)
    after = stamps(tmp_path)
    assert {name: after[name] for name in before} == before
    assert [trial.setting for trial in more.outcomes[:2]] == [t.setting for t in first.outcomes]
    assert len([name for name in after if "trial" in name]) == 3


@pytest.mark.parametrize(("sampler", "trials"), [("random", 3), ("optuna", 7)])
def test_the_number_of_workers_changes_nothing(
    search: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str, trials: int
) -> None:
    if sampler == "optuna":
        pytest.importorskip("optuna")
        monkeypatch.setattr(samplers, "RANDOM_FIRST", 2)
    settings = {"trials": trials, "seeds": 1, "sampler": sampler}
    with ThreadPoolExecutor(3) as many:
        found = search(**settings, executor=many, run_dir=tmp_path / "three")
    assert numbers(found) == numbers(search(**settings))


class Interrupted(Executor):
    """Runs some jobs, then behaves as if Ctrl-C was pressed."""

    def __init__(self, jobs: int) -> None:
        self.left = jobs

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        future: Future[Any] = Future()
        future.set_result(function(*arguments, **options))
        return future


def test_the_same_call_after_ctrl_c_goes_on(search: Any, tmp_path: Path) -> None:
    for jobs, runs in ((1, 1), (2, 3)):  # in the trials, then in the comparison
        with pytest.raises(KeyboardInterrupt):
            search(executor=Interrupted(jobs))
        before = stamps(tmp_path)
        assert len(before) == runs
    found = search()
    after = stamps(tmp_path)
    assert {name: after[name] for name in before} == before
    assert numbers(found) == numbers(search(run_dir=tmp_path / "whole"))


def wild(*, num_classes: int = 10, factor: float = 1.0) -> nn.Module:
    """Build a network whose logits become NaN in training for a factor above 1."""

    class Wild(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3072, num_classes)
            self.factor, self.steps = factor, 0

        def forward(self, images: Any) -> Any:
            self.steps += self.training
            logits = self.layer(images.flatten(1))
            return logits * float("nan") if self.factor > 1 and self.steps > 3 else logits

    return Wild()


def test_a_trial_that_fails_counts_as_the_worst(search: Any) -> None:
    space = {"factor": ck.Choice([1.0, 2.0])}
    found = search(ck.Variant("wild", wild), space, trials=4, epochs=2)
    failed = [trial for trial in found.outcomes if trial.setting["factor"] == 2.0]
    assert 0 < len(failed) < 4
    assert found.winner not in failed
    assert all("NonFiniteLossError" in trial.error for trial in failed)
    assert found.trials["val_accuracy"].isna().sum() == len(failed)
    assert "failed and counts as the worst: NonFiniteLossError" in str(found)


def test_when_all_trials_fail_there_is_no_winner(search: Any) -> None:
    with pytest.raises(ck.ComparisonError, match=r"no trial has a val.*\n  trial 0: NonFinite"):
        search(ck.Variant("wild", wild), {"factor": ck.LinearRange(2, 3)}, epochs=2)


def test_a_budget_leaves_out_trials_and_keeps_the_seeds(
    search: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def within(budget: float, jobs: Any, shared: Any, **_: Any) -> Any:
        asked.append((budget, len(jobs), shared.data.exists()))
        return jobs[:4]

    monkeypatch.setattr(trial_runs, "jobs_within", within)
    found = search(trials=9, budget="2m")
    assert asked == [(120.0, 9 + 2, True)]
    assert len(found.outcomes) == 2
    assert len(found.comparison.outcomes) == 2
    assert "7 more trials did not fit into the budget" in str(found)
    with pytest.raises(ck.ComparisonError, match="8 fresh seeds take 16; give more time"):
        search(trials=9, seeds=8, budget="2m")


def test_a_budget_is_really_timed(search: Any) -> None:
    assert len(search(budget="10h").outcomes) == 2


def test_early_stopping_is_judged_by_the_weights_that_it_keeps(search: Any) -> None:
    found = search(epochs=6, callbacks=[ck.EarlyStopping("val_loss", patience=1)])
    for trial in found.outcomes:
        run = ck.load_run(trial.folder)
        epoch = run.facts.weights_of_epoch
        assert trial.val_accuracy == run.history[epoch - 1]["val_accuracy"]
        assert trial.val_evaluations == len(run.history)


def test_a_damaged_trial_does_not_win(search: Any) -> None:
    winner = search(epochs=2).winner
    history = winner.folder / "history.csv"
    history.write_text("\n".join(history.read_text().splitlines()[:2]) + "\n")
    found = search(epochs=2)
    assert found.winner.number != winner.number
    assert "has 1 epochs" in found.outcomes[winner.number].error


REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no trials": ({"trials": 0}, ck.ComparisonError, "trials must be a whole number"),
    "no seeds": ({"seeds": 0}, ck.ComparisonError, "seeds must be a whole number"),
    "a list of seeds": ({"seeds": [1, 2]}, ck.ComparisonError, "seeds must be a whole number"),
    "a negative seed": ({"seed": -1}, ck.ComparisonError, "seed must be a whole number"),
    "a wrong sampler": ({"sampler": "grid"}, ck.ComparisonError, "'random', found 'grid'"),
    "a wrong space": ({"space": {"lr": 3}}, ck.UnknownFieldError, "optimizer.lr"),
    "a wrong budget": ({"budget": "soon"}, ck.ComparisonError, "30m"),
    "an unknown field": ({"epoch": 1}, ck.RecipeError, "epochs"),
    "an argument of another library": ({"n_trials": 3}, ck.UnknownArgumentError, "trials"),
    "a wrong executor": ({"executor": 2}, ck.ComparisonError, "Executor or None, found 2"),
    "a wrong device": ({"device": "abacus"}, ck.TrainingError, "abacus"),
    "an unknown name": ({"variant": "liner"}, ck.UnknownModelError, "linear"),
    "no splits": ({"splits": 3}, ck.DataError, "Splits"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_nonsense_is_refused_before_a_file_is_made(what: str, search: Any, tmp_path: Path) -> None:
    changes, error, text = REFUSED[what]
    with pytest.raises(error, match=text):
        search(**changes)
    assert not (tmp_path / "runs").exists()


def test_without_val_nothing_can_be_chosen(search: Any, tiny: ck.Splits, tmp_path: Path) -> None:
    with pytest.raises(ck.SelectionError, match="have none; load them with val_size"):
        search(splits=dataclasses.replace(tiny, val=None))
    assert not (tmp_path / "runs").exists()
