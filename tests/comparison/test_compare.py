"""`ck.compare` from end to end: what is trained, what is reused, and what is refused."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from torch import nn

import cifarkit as ck
from cifarkit.runs.test_predictions import TestPredictions


@pytest.fixture
def compare(tiny: ck.Splits, tmp_path: Path, here: ThreadPoolExecutor) -> Any:
    def compare(variants: Any, **changes: Any) -> ck.Comparison:
        settings = {"seeds": 2, "epochs": 1, "run_dir": tmp_path / "runs", "executor": here}
        return ck.compare(
            variants, changes.pop("splits", tiny), show_progress=False, **settings | changes
        )

    return compare


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def weights(run: ck.Run) -> list[torch.Tensor]:
    return list(run.model.state_dict().values())


def same(one: ck.Run, other: ck.Run) -> bool:
    return all(map(torch.equal, weights(one), weights(other)))


def folders(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "runs").iterdir() if path.is_dir())


def began(comparison: ck.Comparison) -> dict[tuple[str, int], str]:
    return {(one.variant.name, one.seed): one.facts["started"] for one in comparison.outcomes}


def stamps(tmp_path: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/run.json")}


def test_each_run_is_the_one_that_train_would_give(
    compare: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    comparison = compare(["linear", "mlp"])
    assert folders(tmp_path) == ["linear-seed0", "linear-seed1", "mlp-seed0", "mlp-seed1"]
    for name in ("linear", "mlp"):
        for seed in (0, 1):
            alone = ck.train(name, tiny, seed=seed, epochs=1)
            assert same(comparison.runs[name][seed], alone)
            accuracy = ck.evaluate(alone.model, tiny.test).accuracy
            assert comparison.of(name)[seed].accuracy == accuracy
    assert not same(*comparison.runs["linear"])


def test_runs_that_are_there_are_taken_as_they_are(compare: Any, tmp_path: Path) -> None:
    compare(["linear", "mlp"])
    before = stamps(tmp_path)
    assert repr(compare(["linear", "mlp"])) == "Comparison(linear, mlp; 4 runs on synthetic)"
    assert stamps(tmp_path) == before


def test_one_more_seed_or_variant_trains_only_what_is_new(compare: Any, tmp_path: Path) -> None:
    compare(["linear"])
    before = stamps(tmp_path)
    comparison = compare(["linear", "mlp"], seeds=3)
    after = stamps(tmp_path)
    assert len(comparison.outcomes) == len(after) == 6
    assert {name: after[name] for name in before} == before


def test_a_run_of_cifarkit_train_is_taken_too(
    compare: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    run = ck.train("linear", tiny, epochs=1, run_dir=tmp_path / "runs" / "mine")
    ck.score_on_test(run, tiny)
    compare(["linear"])
    assert folders(tmp_path) == ["linear-seed1", "mine"]


def test_a_run_without_a_score_is_scored_and_not_trained_again(
    compare: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    ck.train("linear", tiny, epochs=1, run_dir=tmp_path / "runs" / "mine")
    weights_file = tmp_path / "runs" / "mine" / "weights.safetensors"
    before = weights_file.stat().st_mtime_ns
    assert compare(["linear"], seeds=1).outcomes[0].folder.name == "mine"
    assert weights_file.stat().st_mtime_ns == before


CHANGES: dict[str, Any] = {
    "the recipe": {"batch_size": 60},
    "the data": {"splits": ck.load_synthetic(n_train=240, n_test=60, val_size=40, seed=5)},
    "a callback": {"callbacks": [ck.GradientClip(1.0)]},
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_run_is_trained_again_beside_the_old_one(
    what: str, compare: Any, tmp_path: Path
) -> None:
    compare(["linear"], seeds=1)
    compare(["linear"], seeds=1, **CHANGES[what])
    assert folders(tmp_path) == ["linear-seed0", "linear-seed0-2"]


def test_other_settings_of_a_callback_are_another_run(compare: Any, tmp_path: Path) -> None:
    for norm in (1.0, 2.0, 1.0):
        compare(["linear"], seeds=1, callbacks=[ck.GradientClip(norm)])
    assert folders(tmp_path) == ["linear-seed0", "linear-seed0-2"]


def test_changed_code_is_another_run(compare: Any, tmp_path: Path) -> None:
    def small(*, num_classes: int = 10) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))

    def without_bias(*, num_classes: int = 10) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes, bias=False))

    for builder in (small, without_bias, small):
        compare([ck.Variant("mine", builder)], seeds=1)
    assert folders(tmp_path) == ["mine-seed0", "mine-seed0-2"]


@pytest.mark.parametrize("field", ["torch", "cifarkit"])
def test_other_versions_are_another_run(
    field: str, compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cifarkit.comparison import jobs

    compare(["linear"], seeds=1)

    def newer(device: torch.device) -> dict[str, Any]:
        found = describe(device)
        found["versions"][field] = "99"
        return found

    describe = jobs.describe_environment
    monkeypatch.setattr(jobs, "describe_environment", newer)
    compare(["linear"], seeds=1)
    assert folders(tmp_path) == ["linear-seed0", "linear-seed0-2"]


def test_the_same_seed_means_the_same_order_and_draws_across_variants(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    seen: dict[str, list[torch.Tensor]] = {}

    class Watch(ck.Callback):
        def on_batch_start(self, run: ck.Run) -> None:
            assert run.variant is not None
            seen.setdefault(f"{run.variant.name} {run.seed}", []).append(
                run.now.batch.images.clone()
            )

    for name in ("linear", "mlp"):
        for seed in (0, 1):
            ck.train(name, tiny, seed=seed, epochs=1, augment=(ck.Crop(),), callbacks=[Watch()])
    assert all(map(torch.equal, seen["linear 0"], seen["mlp 0"]))
    assert not all(map(torch.equal, seen["linear 0"], seen["linear 1"]))


def test_each_run_has_its_own_callbacks(compare: Any) -> None:
    class Count(ck.Callback):
        def __init__(self) -> None:
            self.epochs = 0

        def on_epoch_end(self, run: ck.Run) -> None:
            self.epochs += 1
            run.log("counted", self.epochs)

    callback = Count()
    comparison = compare(["linear"], epochs=2, callbacks=[callback])
    assert [one.history.column("counted") for one in comparison.outcomes] == [[1.0, 2.0]] * 2
    assert callback.epochs == 0


class Wild(nn.Module):
    """Learns for three steps, then gives NaN."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(3072, classes)
        self.steps = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.steps += self.training
        logits: torch.Tensor = self.layer(images.flatten(1))
        return logits * float("nan") if self.steps > 3 else logits


def wild(*, num_classes: int = 10) -> nn.Module:
    return Wild(num_classes)


def test_a_run_that_fails_does_not_take_the_others_along(compare: Any) -> None:
    comparison = compare(["linear", ck.Variant("wild", wild)], epochs=2)
    assert [outcome.variant.name for outcome in comparison.outcomes] == ["linear", "linear"]
    assert len(comparison.failures) == 2
    assert "wild seed 0: NonFiniteLossError" in str(comparison)
    assert "no seed in common" in comparison.verdicts[0].text


def test_one_that_fails_while_it_is_timed_does_not_either(compare: Any) -> None:
    comparison = compare(["linear", ck.Variant("wild", wild)], epochs=2, budget="10h")
    assert len(comparison.outcomes) == len(comparison.failures) == 2
    assert "wild seed 0: NonFiniteLossError" in str(comparison)


def test_when_every_run_fails_there_is_no_comparison(compare: Any) -> None:
    with pytest.raises(ck.ComparisonError, match=r"no run finished:\n.*NonFinite"):
        compare([ck.Variant("wild", wild)], epochs=2)


REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no variants": ({"variants": []}, ck.ComparisonError, "found none"),
    "one name": ({"variants": "linear"}, ck.ComparisonError, "list of names"),
    "a variant twice": ({"variants": ["linear", "linear"]}, ck.ComparisonError, "'linear' twice"),
    "an unknown name": ({"variants": ["liner"]}, ck.UnknownModelError, "linear"),
    "nothing for variants": ({"variants": None}, ck.ComparisonError, "list of names"),
    "a name that leads elsewhere": (
        {"variants": [ck.Variant("../x", ck.get_variant("linear").builder)]},
        ck.ModelNameError,
        "cannot be a model's name",
    ),
    "no seeds": ({"seeds": 0}, ck.ComparisonError, "1 or more"),
    "an empty list of seeds": ({"seeds": []}, ck.ComparisonError, "one or more"),
    "a seed twice": ({"seeds": [1, 1]}, ck.ComparisonError, "each once"),
    "a truth for seeds": ({"seeds": True}, ck.ComparisonError, "count"),
    "half a seed": ({"seeds": 1.5}, ck.ComparisonError, "count"),
    "a negative seed": ({"seeds": [-1]}, ck.DataError, "whole number"),
    "a wrong recipe": ({"epochs": 0}, ck.RecipeError, "epochs"),
    "an unknown field": ({"epoch": 1}, ck.RecipeError, "epochs"),
    "a wrong budget": ({"budget": "soon"}, ck.ComparisonError, "30m"),
    "a wrong device": ({"device": "abacus"}, ck.TrainingError, "abacus"),
    "an executor's class": ({"executor": ThreadPoolExecutor}, ck.ComparisonError, "found <class"),
    "a wrong executor": ({"executor": 2}, ck.ComparisonError, "Executor or None, found 2"),
    "no splits": ({"splits": 3}, ck.DataError, "Splits"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_nonsense_is_refused_before_a_file_is_made(what: str, compare: Any, tmp_path: Path) -> None:
    changes, error, text = REFUSED[what]
    with pytest.raises(error, match=text):
        compare(**{"variants": ["linear"], **changes})
    assert not (tmp_path / "runs").exists()


def test_a_finished_comparison_writes_nothing(compare: Any, tmp_path: Path) -> None:
    first = compare(["linear"])
    (tmp_path / "runs" / ".comparison").write_text("as on a disk that can only be read")
    assert str(compare(["linear"])) == str(first)
    with pytest.raises(ck.RunFolderError, match="choose another run_dir"):  # one more is a run
        compare(["linear"], seeds=3)


def test_a_count_from_numpy_is_a_count(compare: Any) -> None:
    assert len(compare(["linear"], seeds=np.int64(1)).outcomes) == 1


def test_what_a_builder_raises_names_the_variant(compare: Any, tmp_path: Path) -> None:
    def broken(*, num_classes: int = 10) -> nn.Module:
        raise ZeroDivisionError("one layer too few")

    with pytest.raises(ck.ModelContractError, match="ZeroDivisionError: one layer too") as raised:
        compare(["linear", ck.Variant("mine", broken)])
    assert raised.value.__notes__ == ["This happened while the variant 'mine' was built."]
    assert not (tmp_path / "runs").exists()


class OnlyInTraining(nn.Module):
    """Learns well, and gives NaN when it is asked."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(3072, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layer(images.flatten(1))
        return logits if self.training else logits / (logits.detach() * 0)


def only_in_training(*, num_classes: int = 10) -> nn.Module:
    return OnlyInTraining(num_classes)


def always_the_same(*, num_classes: int = 10) -> nn.Module:
    layer = nn.Linear(3072, num_classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return nn.Sequential(nn.Flatten(), layer, NoGradient())


class NoGradient(nn.Module):
    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return logits * 0


@pytest.mark.filterwarnings("ignore::cifarkit.CifarkitWarning")
def test_a_network_without_a_score_is_left_out_and_named(compare: Any) -> None:
    variants = [ck.Variant("lost", only_in_training), "linear"]
    assert "lost seed 1: NonFiniteLossError" in str(compare(variants))
    again = compare(variants)
    assert [outcome.variant.name for outcome in again.outcomes] == ["linear", "linear"]


@pytest.mark.filterwarnings("ignore::cifarkit.CifarkitWarning")
def test_a_control_that_says_the_same_of_every_image_is_no_copy(compare: Any) -> None:
    assert len(compare([ck.Variant("chance", always_the_same)]).outcomes) == 2


def test_what_a_run_leaves_the_program_by_is_its_own_failure(compare: Any) -> None:
    class Leave(ck.Callback):
        def on_fit_start(self, run: ck.Run) -> None:
            if run.seed == 1:
                raise SystemExit(3)

    comparison = compare(["linear"], callbacks=[Leave()])
    assert comparison.failures == ("linear seed 1: SystemExit: 3",)
    assert "once at the end, unless own callbacks looked too" in str(comparison)


def test_an_executor_that_was_shut_down_takes_no_work(compare: Any) -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(ck.ComparisonError, match="does not accept work: cannot schedule"):
        compare(["linear"], executor=executor)


def test_of_two_runs_of_one_cell_the_one_that_can_be_believed_is_taken(
    compare: Any, tmp_path: Path
) -> None:
    first = compare(["linear"])
    backup = tmp_path / "runs" / "z-backup"
    shutil.copytree(tmp_path / "runs" / "linear-seed0", backup)
    about = json.loads((backup / "run.json").read_text())
    about["facts"]["test"]["accuracy"] = 0.99
    (backup / "run.json").write_text(json.dumps(about))
    before = stamps(tmp_path)
    assert began(compare(["linear"])) == began(first)
    assert stamps(tmp_path) == before


def test_options_that_json_does_not_know_are_known_again(compare: Any, tmp_path: Path) -> None:
    def build(*, num_classes: int = 10, activation: Any = None, scale: Any = None) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))

    options = {"activation": torch.relu, "scale": torch.ones(3)}
    mine = ck.Variant("mine", build, options)
    other = ck.Variant("other", build, {**options, "scale": torch.zeros(3)})
    comparison = compare([mine, other], seeds=1)
    assert list(comparison.pairs[0].changed) == ["scale"]
    compare([mine, other], seeds=1)
    assert folders(tmp_path) == ["mine-seed0", "other-seed0"]


def test_a_record_without_its_machine_is_not_believed(compare: Any, tmp_path: Path) -> None:
    compare(["linear"], seeds=1)
    path = tmp_path / "runs" / "linear-seed0" / "run.json"
    about = json.loads(path.read_text())
    del about["facts"]["environment"]["cpu"]
    path.write_text(json.dumps(about))
    with pytest.warns(ck.CifarkitWarning, match="cpu"):
        assert "linear" in str(compare(["linear"], seeds=1))


class HoldsALock(ck.Callback):
    def __init__(self) -> None:
        self.lock = threading.Lock()


def test_what_cannot_be_sent_to_a_process_is_named(compare: Any, tmp_path: Path) -> None:
    with pytest.raises(ck.ComparisonError, match=r"HoldsALock.*cannot be sent.*on_fit_start"):
        compare(["linear"], callbacks=[HoldsALock()], executor=None)
    assert folders(tmp_path) == []


def test_two_comparisons_in_one_folder_are_one_too_many(compare: Any, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with (
        FileLock(tmp_path / "runs" / ".comparison.lock"),
        pytest.raises(ck.ComparisonError, match="another comparison is at work"),
    ):
        compare(["linear"])
    compare(["linear"])


def test_a_folder_that_is_a_file_is_refused(compare: Any, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("mine")
    with pytest.raises(ck.RunFolderError, match="choose another run_dir"):
        compare(["linear"])


def test_what_a_run_warns_of_is_told_once(compare: Any) -> None:
    def softmaxed(*, num_classes: int = 10) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes), nn.Softmax(1))

    with pytest.warns(ck.CifarkitWarning, match="softmax") as caught:
        compare([ck.Variant("mine", softmaxed)], seeds=2)
    assert len(caught) == 1


def test_the_budget_leaves_out_whole_seeds(compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from cifarkit.comparison import trial

    monkeypatch.setattr(trial, "time_job", lambda *_: 60.0)
    comparison = compare(["linear", "mlp"], seeds=5, budget="5m")
    assert comparison.left_out == (2, 3, 4)
    assert len(comparison.outcomes) == 4
    assert "seeds 2, 3, 4, which did not fit into the budget" in str(comparison)
    with pytest.raises(ck.ComparisonError, match=r"one run of each variant takes about 2 min"):
        compare(["linear", "mlp"], seeds=[7], budget="1m")
    # What is there costs nothing.
    assert len(compare(["linear", "mlp"], seeds=2, budget="1s").outcomes) == 4


SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import cifarkit as ck
from torch import nn

class Own(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layer = nn.Linear(3072, classes)

    def forward(self, images):
        return self.layer(images.flatten(1))

@ck.register_model("own")
def own(*, num_classes=10):
    return Own(num_classes)

class Mine(ck.Callback):
    def on_epoch_end(self, run):
        run.log("mine", 1.0)

data = ck.load_synthetic(n_train=240, n_test=60, val_size=40)
try:
    print(ck.compare(["own", "linear"], data, seeds=1, epochs={epochs}, run_dir="runs",
                     callbacks=[Mine()]).failures)
except KeyboardInterrupt as error:
    print(error)
"""


def started(folder: Path, epochs: int) -> subprocess.Popen[str]:
    path = folder / "script.py"
    path.write_text(textwrap.dedent(SCRIPT.format(epochs=epochs)))
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(path)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_script_needs_no_main_guard_and_its_own_code_travels_along(tmp_path: Path) -> None:
    process = started(tmp_path, epochs=1)
    out, err = process.communicate()
    assert out == "()\n", err
    assert err == ""  # nobody watches a pipe
    assert not (tmp_path / "runs" / ".comparison").exists()
    again = started(tmp_path, epochs=1)
    assert again.communicate() == ("()\n", "")
    assert folders(tmp_path) == ["linear-seed0", "own-seed0"]


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a Unix signal")
def test_ctrl_c_saves_all_runs_and_the_same_line_goes_on(tmp_path: Path) -> None:
    process = started(tmp_path, epochs=2_000)
    wait_for(tmp_path / "runs" / "linear-seed0" / "history.csv", process)
    wait_for(tmp_path / "runs" / "own-seed0" / "history.csv", process)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate()
    assert out == "all runs are saved; the same call resumes them\n", err
    assert "Traceback" not in err, err
    about = ck.load_run(tmp_path / "runs" / "linear-seed0")
    assert about.status == "interrupted"
    assert (tmp_path / "runs" / "linear-seed0" / "checkpoint.safetensors").exists()
    assert not (tmp_path / "runs" / ".comparison").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="kills with a Unix signal")
@pytest.mark.usefixtures("one_thread")
def test_a_worker_that_is_killed_costs_no_run(tiny: ck.Splits, tmp_path: Path) -> None:
    class KillOnce(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            once = tmp_path / "killed"
            if run.now.epoch == 1 and not once.exists():
                once.touch()
                os.kill(os.getpid(), signal.SIGKILL)

    comparison = ck.compare(
        ["linear", "mlp"],
        tiny,
        seeds=1,
        epochs=3,
        run_dir=tmp_path / "runs",
        callbacks=[KillOnce()],
        show_progress=False,
    )
    assert (tmp_path / "killed").exists()
    assert comparison.failures == ()
    assert any("resumed" in outcome.facts for outcome in comparison.outcomes)
    for name in ("linear", "mlp"):
        alone = ck.train(name, tiny, epochs=3)
        assert same(comparison.runs[name][0], alone)


def test_the_standard_library_s_processes_do_as_well(tiny: ck.Splits, tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        comparison = ck.compare(
            ["linear"],
            tiny,
            seeds=2,
            epochs=1,
            run_dir=tmp_path / "runs",
            executor=executor,
            show_progress=False,
        )
    assert len(comparison.outcomes) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="kills with a Unix signal")
def test_when_who_compares_is_killed_the_runs_end_and_can_be_gone_on_with(tmp_path: Path) -> None:
    process = started(tmp_path, epochs=2_000)
    wait_for(tmp_path / "runs" / "linear-seed0" / "history.csv", process)
    wait_for(tmp_path / "runs" / "own-seed0" / "history.csv", process)
    process.kill()
    process.communicate()  # ends when the workers, who share its output, have ended
    for name in ("own", "linear"):
        folder = tmp_path / "runs" / f"{name}-seed0"
        assert json.loads((folder / "run.json").read_text())["facts"]["status"] == "interrupted"
        assert (folder / "checkpoint.safetensors").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="kills with a Unix signal")
def test_dask_goes_on_when_one_of_its_workers_is_killed(tmp_path: Path) -> None:
    """In a program of its own: dask's threads warn of what they leave open."""
    code = """
    import os, pathlib, signal, sys
    import cifarkit as ck
    from distributed import Client, LocalCluster

    class KillOnce(ck.Callback):
        def on_epoch_end(self, run):
            once = pathlib.Path("killed").absolute()
            if run.now.epoch == 1 and not once.exists():
                once.touch()
                os.kill(os.getpid(), signal.SIGKILL)

    if __name__ == "__main__":
        data = ck.load_synthetic(n_train=240, n_test=60, val_size=40)
        with LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster, Client(cluster) as client:
            result = ck.compare(
                ["linear", "mlp"], data, seeds=2, epochs=3, run_dir="runs",
                callbacks=[KillOnce()], executor=client.get_executor(), show_progress=False,
            )
            print(len(result.outcomes), result.failures)
            print(sum("resumed" in outcome.facts for outcome in result.outcomes))
    """
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(code))
    done = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (tmp_path / "killed").exists(), done.stderr
    assert done.stdout == "4 ()\n1\n", done.stderr


def test_a_variant_that_kills_its_worker_takes_no_other_along(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    def deadly(*, num_classes: int = 10) -> nn.Module:
        if multiprocessing.parent_process() or "loky" in " ".join(sys.argv):
            os._exit(9)
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))

    comparison = ck.compare(
        [ck.Variant("deadly", deadly), "linear", "mlp"],
        tiny,
        seeds=1,
        epochs=1,
        run_dir=tmp_path / "runs",
        show_progress=False,
    )
    assert [outcome.variant.name for outcome in comparison.outcomes] == ["linear", "mlp"]
    (failure,) = comparison.failures
    assert failure.startswith("deadly seed 0: its worker died")


def test_an_executor_whose_workers_die_is_said_to_have_died(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    class Dead(Executor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(BrokenExecutor("killed"))
            return future

    with pytest.raises(ck.ComparisonError, match="linear seed 0: its worker died"):
        ck.compare(
            ["linear"],
            tiny,
            seeds=1,
            run_dir=tmp_path / "runs",
            executor=Dead(),
            show_progress=False,
        )


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a score that was edited": (
        "another score",
        lambda folder: edit(folder, lambda about: about["facts"]["test"].update(accuracy=1.0)),
    ),
    "another seed": ("seed 7", lambda folder: edit(folder, lambda about: about.update(seed=7))),
    "no seconds": (
        "seconds",
        lambda folder: edit(folder, lambda about: about["facts"].pop("seconds")),
    ),
    "a history cut short": (
        "epochs",
        lambda folder: (folder / "history.csv").write_text("epoch,seconds\n"),
    ),
    "no history": ("history.csv", lambda folder: (folder / "history.csv").unlink()),
    "forged test predictions": ("do not fit its logits", lambda folder: forge(folder)),
    "test predictions of other images": (
        "labels are not the test set's",
        lambda folder: relabel(folder),
    ),
    "test predictions cut short": (
        "cannot be read",
        lambda folder: (folder / "test_logits.safetensors").write_bytes(b"half"),
    ),
}


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    about = json.loads((folder / "run.json").read_text())
    change(about)
    (folder / "run.json").write_text(json.dumps(about))


def forge(folder: Path) -> None:
    test_predictions = ck.TestPredictions.load(folder)
    ck.TestPredictions(
        test_predictions.logits, test_predictions.labels, test_predictions.labels
    ).save(folder)
    edit(folder, lambda about: about["facts"]["test"].update(accuracy=1.0))


def relabel(folder: Path) -> None:
    test_predictions = ck.TestPredictions.load(folder)
    ck.TestPredictions(
        test_predictions.logits, test_predictions.predicted, test_predictions.labels[::-1].copy()
    ).save(folder)


@pytest.mark.parametrize("what", DAMAGE)
def test_a_run_that_cannot_be_believed_is_trained_again_beside_it(
    what: str, compare: Any, tmp_path: Path
) -> None:
    before = compare(["linear"], seeds=1)
    text, damage = DAMAGE[what]
    damage(tmp_path / "runs" / "linear-seed0")
    with pytest.warns(ck.CifarkitWarning, match=text):
        again = compare(["linear"], seeds=1)
    assert again.outcomes[0].folder.name == "linear-seed0-2"
    assert again.outcomes[0].accuracy == before.outcomes[0].accuracy


def test_changed_code_of_a_callback_is_another_run(compare: Any, tmp_path: Path) -> None:
    class Noise(ck.Callback):
        def __init__(self, scale: float) -> None:
            self.scale = scale

    class Other(ck.Callback):
        def on_backward_end(self, run: ck.Run) -> None:
            return None

    Other.__qualname__ = Noise.__qualname__
    for callback in (Noise(1.0), Noise(2.0), Other(), Noise(1.0)):
        compare(["linear"], seeds=1, callbacks=[callback])
    assert len(folders(tmp_path)) == 3


def test_a_run_with_callbacks_of_unknown_code_is_not_taken(
    compare: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    class Mine(ck.Callback):
        pass

    run = ck.train("linear", tiny, epochs=1, run_dir=tmp_path / "runs" / "mine", callbacks=[Mine()])
    ck.score_on_test(run, tiny)
    compare(["linear"], seeds=1)
    compare(["linear"], seeds=1, callbacks=[Mine()])
    assert folders(tmp_path) == ["linear-seed0", "linear-seed0-2", "mine"]


def test_runs_are_found_wherever_the_program_stands_later(
    tiny: ck.Splits, tmp_path: Path, here: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wander(ck.Callback):
        def on_fit_start(self, run: ck.Run) -> None:
            os.chdir(tmp_path)

    (tmp_path / "begin").mkdir()
    monkeypatch.chdir(tmp_path / "begin")
    settings: dict[str, Any] = {"seeds": 1, "epochs": 1, "executor": here, "show_progress": False}
    comparison = ck.compare(["linear"], tiny, callbacks=[Wander()], **settings)
    assert (tmp_path / "begin" / "runs" / "linear-seed0").is_dir()
    assert comparison.runs["linear"][0].status == "finished"


@pytest.mark.parametrize("moved_by", [0, 0.004])
def test_a_copy_under_another_seed_is_left_out(
    moved_by: float, compare: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    run = ck.train("linear", tiny, epochs=1, run_dir=tmp_path / "runs" / "honest")
    ck.score_on_test(run, tiny)
    shutil.copytree(tmp_path / "runs" / "honest", tmp_path / "runs" / "copy")
    edit(tmp_path / "runs" / "copy", lambda about: about.update(seed=1))
    test_predictions = TestPredictions.load(tmp_path / "runs" / "copy")
    test_predictions.logits[0] += np.float16(moved_by)  # which leaves the order, and the answer
    test_predictions.save(tmp_path / "runs" / "copy")
    comparison = compare(["linear"], seeds=2)
    assert [outcome.seed for outcome in comparison.outcomes] == [0]
    assert "One folder is a copy under another seed" in comparison.failures[0]
