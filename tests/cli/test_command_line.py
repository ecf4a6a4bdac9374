"""The command line as its user meets it: output, files, exit status, and no traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

import cifarkit as ck
from cifarkit.cli import main as program
from cifarkit.data.archives import ARCHIVES, md5_of
from cifarkit.data.sources import load_data
from cifarkit.data.synthetic import load_synthetic
from cifarkit.models.registry import registry
from cifarkit.runs.folder import RunFolder
from cifarkit.storage.folders import data_folder

OWN_MODEL = """
import cifarkit as ck
from torch import nn

print("hello from my file")

@ck.register_model("my_net", summary="mine")
def my_net(*, num_classes=10):
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))
"""


SMALL: dict[str, Any] = {"n_train": 120, "n_test": 40, "val_size": 20}


def is_png(path: Path) -> bool:
    with Image.open(path) as picture:
        return picture.format == "PNG"


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every source of an archive be one that refuses."""
    for name, archive in ARCHIVES.items():
        nowhere = replace(archive, sources=("http://127.0.0.1:9/nothing",))
        monkeypatch.setattr(f"cifarkit.data.cifar.{name.upper()}", nowhere)
        monkeypatch.setitem(ARCHIVES, name, nowhere)


@pytest.fixture(autouse=True)
def _small_synthetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the synthetic set small: what it holds is tested elsewhere."""

    def small(**_sizes: Any) -> ck.Splits:
        return load_synthetic(**SMALL)

    for module in ("cifarkit.data.synthetic", "cifarkit.data.sources"):
        monkeypatch.setattr(f"{module}.load_synthetic", small)


@pytest.fixture
def _one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw one empty figure in place of nine, where a test looks at something else."""
    monkeypatch.setattr("cifarkit.report.artefacts.draw_figures", lambda *_: {"loss": Figure()})


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Return the folder of a run trained on the small synthetic set."""
    ck.train("linear", load_data("synthetic"), epochs=1, run_dir=tmp_path / "run")
    return tmp_path / "run"


def test_train_leaves_everything_in_its_folder(call: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = call("train", "linear", "--data", "synthetic", "--epochs", "2", "--run-dir", folder)
    assert done.status == 0
    verdict = ck.verify(folder, load_data("synthetic")).verdict
    assert (said := re.search(r"test accuracy [\d.]+ %", verdict))
    assert said[0] in done.out  # with the same digits
    assert "95 % interval" in done.out
    assert "precision" in done.out
    assert "epoch 2/2" in done.err
    assert "epoch 2/2" not in done.out  # results to stdout, progress to stderr
    assert {path.name for path in folder.iterdir()} == {
        *("run.json", "history.csv", "weights.safetensors", "best.safetensors"),
        *("evaluation.json", "figures", "test_logits.safetensors"),
        "checkpoint-final.safetensors",
    }
    pictures = {path.stem for path in (folder / "figures").iterdir()}
    assert pictures == {
        *("samples", "loss", "accuracy", "confusion", "per_class", "predictions"),
        *("top_losses", "confused", "reliability"),
    }
    assert all(is_png(path) for path in (folder / "figures").iterdir())


@pytest.mark.usefixtures("_one_figure")
def test_what_train_prints_is_what_evaluate_finds(call: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    call("train", "mlp", "--data", "synthetic", "--epochs", "1", "--run-dir", folder)
    written = json.loads((folder / "evaluation.json").read_text())
    found = json.loads(call("evaluate", folder, "--json").out)
    assert found == written
    run = ck.load_run(folder)
    assert found["accuracy"] == ck.evaluate(run.model, load_data("synthetic").test).accuracy


@pytest.mark.usefixtures("_one_figure")
def test_runs_are_named_after_model_seed_and_time(call: Any) -> None:
    call("train", "linear", "--data", "synthetic", "--epochs", "1", "--seed", "3")
    (folder,) = Path("runs").iterdir()
    assert folder.name.startswith("linear-seed3-20")


@pytest.mark.usefixtures("_one_figure")
def test_options_of_train_reach_the_recipe(call: Any, tmp_path: Path) -> None:
    options = ["--epochs", "3", "--batch-size", "50", "--lr", "0.5", "--seed", "9", "--track-test"]
    call("train", "linear", "--data", "synthetic", "--run-dir", tmp_path / "run", *options)
    run = ck.load_run(tmp_path / "run")
    assert (run.recipe.epochs, run.recipe.batch_size, run.recipe.optimizer.lr) == (3, 50, 0.5)
    assert run.seed == 9
    assert "test_accuracy" in run.history.columns


def test_auto_without_a_network_is_synthetic_and_says_so_loudly(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch)
    done = call("train", "linear", "--epochs", "1", "--run-dir", tmp_path / "run")
    assert done.status == 0
    assert "NOT CIFAR-10" in done.err
    assert "on synthetic" in done.out
    assert json.loads((tmp_path / "run" / "run.json").read_text())["facts"]["data"]["name"] == (
        "synthetic"
    )
    call("report", tmp_path / "run")
    assert "Synthetic pictures, not CIFAR-10" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_by_name_does_not_fall_back(
    name: str, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch)
    for line in (["train", "linear", "--data", name], ["data", name], ["data", "fetch", name]):
        done = call(*line)
        assert done.status == 1
        assert "Three other ways" in done.err
        assert "NOT CIFAR-10" not in done.err


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["train", "basline"], 1, "Did you mean 'baseline'?"),
        (["train", "linear", "--epochs", "0"], 1, "epochs=0: allowed is a whole number, 1 <="),
        (["train", "linear", "--lr", "nan"], 1, "lr=float('nan'): allowed is a number"),
        (["train", "linear", "--seed", "-1", "--data", "synthetic"], 1, "seed must be a whole"),
        (["train", "linear", "--data", "nowhere"], 1, "there is no data source 'nowhere'"),
        (["train", "linear", "--device", "gpu", "--data", "synthetic"], 1, "write 'cpu', 'cuda'"),
        (["train", "linear", "--import", "nowhere.py"], 1, "there is no file 'nowhere.py'"),
        (["train", "linear", "--patience", "0", "--data", "synthetic"], 1, "patience must be"),
        (["evaluate", "nowhere"], 1, "there is no run in"),
        (["predict", "nowhere", "x.png"], 1, "there is no run in"),
        (["export", "nowhere"], 1, "there is no run in"),
        (["report", "nowhere"], 1, "there is no run in"),
        (["models", "nobody"], 1, "no model is called 'nobody'"),
        (["data", "nowhere"], 1, "there is no data source"),
        (["train", "linear", "--epoch", "3"], 2, "--epoch"),
        (["trian"], 2, "trian"),
        (["train", "linear", "--epochs", "many"], 2, "a whole number"),
    ],
)
def test_a_mistake_is_one_message_and_no_traceback(
    call: Any, arguments: list[str], status: int, text: str
) -> None:
    done = call(*arguments)
    assert done.status == status
    assert text in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert done.out == ""
    assert not Path("runs").exists()


def test_a_disk_that_refuses_is_a_message_and_no_traceback(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cifarkit.cli.models._list", full)
    done = call("models")
    assert (done.status, done.out) == (1, "")
    assert "No space left on device" in done.err


def test_debug_shows_where_it_came_from(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["cifarkit", "models", "nobody", "--debug"])
    with pytest.raises(ck.UnknownModelError):
        program.main()


@pytest.mark.usefixtures("_one_figure")
def test_a_model_from_a_file_trains_and_is_listed(call: Any, tmp_path: Path) -> None:
    file, folder = tmp_path / "my_models.py", tmp_path / "run"
    file.write_text(OWN_MODEL)
    assert "my_net" in call("models", "--import", file).out
    done = call(
        *("train", "my_net", "--import", file, "--data", "synthetic", "--epochs", "1"),
        *("--run-dir", folder),
    )
    assert done.status == 0
    assert call("evaluate", folder, "--import", file).status == 0


def test_models_lists_every_variant(call: Any) -> None:
    listed = [line.split()[0] for line in call("models").out.splitlines()]
    assert listed == ck.list_models()
    assert [row["name"] for row in json.loads(call("models", "--json").out)] == listed


@pytest.mark.parametrize("name", ck.list_models())
def test_models_shows_each_variant_and_how_it_differs(call: Any, name: str) -> None:
    out = call("models", name).out
    assert str(ck.summary(name)) in out
    differences = ck.get_variant(name).differs_from(ck.get_variant("baseline"))
    assert all(f"  {factor}: " in out for factor in differences)
    shown = json.loads(call("models", name, "--json").out)
    assert shown["parameters"] == ck.summary(name).parameters


def test_predict_names_what_is_on_pictures(call: Any, run_folder: Path, tmp_path: Path) -> None:
    for name, mode in (("a b.png", "RGB"), ("ü.gif", "P")):
        Image.new(mode, (50, 40)).save(tmp_path / name)
    done = call("predict", run_folder, tmp_path / "a b.png", tmp_path / "ü.gif", "--top", "2")
    first, second = done.out.splitlines()
    assert second.startswith(str(tmp_path / "ü.gif") + ": ")
    assert first.startswith(str(tmp_path / "a b.png") + ": ")
    assert first.count("%") == 2
    guesses = json.loads(call("predict", run_folder, tmp_path / "a b.png", "--json").out)
    assert len(guesses[0]["guesses"]) == 3


def test_views_are_averaged_on_test_and_on_pictures_and_val_is_measured_as_in_training(
    call: Any, tmp_path: Path
) -> None:
    data, views = load_synthetic(**SMALL), ck.TestTimeAugmentation()
    run = ck.train("linear", data, epochs=1, test_time=views, run_dir=tmp_path / "run")
    on_val = json.loads(call("evaluate", tmp_path / "run", "--on", "val", "--json").out)
    assert on_val["loss"] == run.history[-1]["val_loss"]
    on_test = json.loads(call("evaluate", tmp_path / "run", "--json").out)
    assert on_test["loss"] == ck.evaluate(run.model, data.test, test_time=views).loss
    assert on_test["loss"] != ck.evaluate(run.model, data.test).loss
    picture = tmp_path / "one.png"
    Image.fromarray(data.test.images[0].permute(1, 2, 0).numpy()).save(picture)
    [found] = json.loads(call("predict", tmp_path / "run", picture, "--top", "10", "--json").out)
    shares = ck.predict(run.model, picture, test_time=views).probabilities[0]
    assert sorted(found["guesses"].values()) == sorted(map(float, shares))


def test_predict_on_no_picture_is_one_error(call: Any, run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.png").write_text("dear teacher")
    done = call("predict", run_folder, tmp_path / "letter.png")
    assert (done.status, done.out) == (1, "")
    assert "letter.png' is not a picture file" in done.err


def test_evaluate_takes_val_and_warns_of_other_data(
    call: Any, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert json.loads(call("evaluate", run_folder, "--on", "val", "--json").out)["n"] == 20
    other = load_synthetic(n_train=130, n_test=50, val_size=20)
    monkeypatch.setattr("cifarkit.data.sources.load_synthetic", lambda **sizes: other)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        done = call("evaluate", run_folder, "--data", "synthetic")
    assert done.status == 0
    sizes = (
        "(110 train, 20 val, 50 test images) is not what the run was trained on ('synthetic': 100"
    )
    assert f"warning: the data 'synthetic' {sizes}" in done.err
    unnamed = call("evaluate", run_folder)  # is not reported on as if it were the run's own
    assert (unnamed.status, unnamed.out) == (1, "")
    assert "or name other data with --data" in unnamed.err


def test_data_fetch_takes_an_archive_from_elsewhere(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch)
    small = ARCHIVES["cifar100"]
    file = tmp_path / "from a friend"
    with tarfile.open(file, "w:gz") as tar:
        for name in small.members:
            tar.addfile(tarfile.TarInfo(f"{small.folder}/{name}"))
    small = replace(small, bytes=file.stat().st_size, md5=md5_of(file))
    monkeypatch.setitem(ARCHIVES, "cifar100", small)
    done = call("data", "fetch", "cifar100", "--from", file)
    assert (done.status, done.err) == (0, "")
    assert done.out == f"CIFAR-100 is in {data_folder() / 'cifar-100-python'}\n"
    assert call("data", "fetch", "cifar100").out == done.out  # it is there
    wrong = call("data", "fetch", "cifar10", "--from", file)
    assert wrong.status == 1
    assert f"{str(file)!r} is not cifar-10-python.tar.gz" in wrong.err


def test_data_fetch_knows_two_archives(call: Any) -> None:
    done = call("data", "fetch", "cifar1000")
    assert done.status == 1
    assert "'cifar1000' cannot be fetched; allowed are cifar10, cifar100" in done.err


def test_the_line_below_an_error_names_its_section_of_the_documentation(call: Any) -> None:
    *_, message, pointer = call("train", "basline").err.splitlines()
    assert message.startswith("cifarkit: no model is called 'basline'.")
    assert pointer == ck.UnknownModelError().pointer


def test_show_may_be_left_out(call: Any) -> None:
    assert call("data", "synthetic").out == call("data", "show", "synthetic").out
    assert "Commands:" in call("data", "--help").out


def test_data_says_what_is_in_a_source(call: Any, tmp_path: Path) -> None:
    done = call("data", "synthetic", "--figure", tmp_path / "sample.png")
    *_, total, leaks, _ = done.out.splitlines()
    assert total.split() == ["total", "100", "20", "40"]
    assert leaks == "0 test pictures are in train or val, too"
    assert is_png(tmp_path / "sample.png")
    assert call("data", "synthetic", "--figure", tmp_path / "sample.nonsense").status == 1
    again = call("data", "synthetic", "--figure", tmp_path / "sample.png")
    assert again.status == 1
    assert "nothing is overwritten" in again.err


def test_the_same_program_answers_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cifarkit", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"cifarkit {ck.__version__}\n"


def test_a_pipe_that_closes_early_leaves_no_traceback() -> None:
    done = subprocess.run(
        f"{sys.executable} -m cifarkit models | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert done.stdout.startswith("baseline")
    assert "Traceback" not in done.stderr


def test_ctrl_c_keeps_what_there_is_and_exits_130(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: ck.Progress, run: ck.Run) -> None:
        if run.now.epoch == 1:
            raise KeyboardInterrupt

    folder = tmp_path / "run"
    line = ("train", "linear", "--data", "synthetic", "--epochs", "3", "--run-dir")
    with monkeypatch.context() as patch:
        patch.setattr(ck.Progress, "on_batch_end", interrupt)
        done = call(*line, folder)
    assert done.status == 130
    assert f"resume it with: cifarkit resume {folder}" in done.err
    run = ck.load_run(folder)
    assert (run.status, len(run.history)) == ("interrupted", 1)
    looked = call("evaluate", folder)
    assert looked.status == 1
    assert "test is evaluated only when training is over" in looked.err
    assert call("evaluate", folder, "--on", "val").status == 0
    assert call("report", folder).status == 0
    assert "has not finished" in (folder / "report.html").read_text(encoding="utf-8")
    done = call("resume", folder)
    assert (done.status, "is over already" in done.err) == (0, False)
    # The page is that of the whole run now.
    assert "from the end, even if" in (folder / "report.html").read_text(encoding="utf-8")
    assert call(*line, "whole").status == 0
    assert not Path("whole/report.html").exists()
    assert "It is only evaluated, not trained again" in call(*line, "whole").err
    ours, theirs = (ck.load_run(path).model.state_dict() for path in (folder, "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_that_is_over_gets_more_epochs(call: Any) -> None:
    line = ("train", "linear", "--data", "synthetic", "--run-dir", "run", "--epochs")
    assert call(*line, "1").status == 0
    done = call("resume", "run", "--epochs", "2")
    assert (done.status, "is over already" in done.err) == (0, False)
    assert len(ck.load_run("run").history) == 2
    assert call(*line, "3").status == 0
    assert len(ck.load_run("run").history) == 3
    done = call("resume", "run", "--epochs", "1")
    assert done.status == 1
    assert "epochs: 3 there, 1 here" in done.err


@pytest.mark.parametrize("command", [(), ("train",), ("data", "fetch")])
def test_h_is_help(call: Any, command: tuple[str, ...]) -> None:
    short, long = call(*command, "-h"), call(*command, "--help")
    assert (short.status, short.out) == (0, long.out)
    assert "Usage: " in short.out


def test_a_mistake_in_the_patience_is_told_before_any_data_is_loaded(call: Any) -> None:
    done = call("train", "linear", "--data", "nowhere", "--patience", "0")
    assert (done.status, "patience must be a whole number" in done.err) == (1, True)


def test_a_folder_named_as_a_source_does_not_stand_in_for_it(call: Any, tmp_path: Path) -> None:
    Path("synthetic").mkdir()
    done = call("train", "linear", "--data", "synthetic", "--epochs", "1", "--run-dir", "run")
    assert done.status == 0
    command = json.loads(Path("run/run.json").read_text())["facts"]["command"]
    assert command["data"] == load_synthetic(**SMALL).source
    assert call("resume", "run").status == 0


def test_a_run_that_is_another_one_is_not_gone_on_with(call: Any, tmp_path: Path) -> None:
    line = ("train", "linear", "--data", "synthetic", "--run-dir", tmp_path / "run", "--epochs")
    assert call(*line, "2").status == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    done = call(*line, "1")
    assert done.status == 1
    assert "epochs: 2 there, 1 here" in done.err
    assert {path: path.read_bytes() for path in before} == before


def test_resume_knows_the_patience_and_the_data_and_runs_no_file_that_nobody_named(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: ck.Progress, run: ck.Run) -> None:
        if run.now.epoch == 1:
            run.interrupt()

    (tmp_path / "mine.py").write_text(OWN_MODEL)
    folder = tmp_path / "a run"
    line = ("train", "my_net", "--data", "synthetic", "--epochs", "3", "--patience", "2")
    with monkeypatch.context() as patch:
        patch.setattr(ck.Progress, "on_batch_end", interrupt)
        done = call(*line, "--import", tmp_path / "mine.py", "--run-dir", folder)
    assert done.status == 130
    assert f"cifarkit resume '{folder}'" in done.err
    about = json.loads((folder / "run.json").read_text())
    assert about["facts"]["command"] == {
        **{"data": load_synthetic(**SMALL).source, "patience": 2, "device": "auto"},
        "imported": [str(tmp_path / "mine.py")],
    }
    way_on = f"cifarkit resume '{folder}' --import {tmp_path / 'mine.py'}"
    assert way_on in done.err
    done = call("resume", folder)  # a record names a program, which may be of another person
    assert done.status == 1
    assert way_on in done.err
    done = call("resume", folder, "--import", tmp_path / "mine.py")
    assert done.status == 0
    assert "resumes from epoch 2, step 2" in done.err
    run = ck.load_run(folder)
    assert len(run.history) == 3
    assert run.facts["weights_of_epoch"] > 0  # early stopping was there


def test_resume_finds_data_and_files_that_were_moved(
    call: Any, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: ck.Progress, run: ck.Run) -> None:
        run.interrupt()

    home, mine = tmp_path / "home", tmp_path / "mine.py"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    mine.write_text(OWN_MODEL)
    with monkeypatch.context() as patch:
        patch.setattr(ck.Progress, "on_batch_end", interrupt)
        patch.chdir(pictures.parent)
        line = ("train", "my_net", "--epochs", "2", "--batch-size", "2", "--import", mine)
        assert call(*line, "--data", pictures.name, "--run-dir", "~/run").status == 130
    moved = pictures.rename(pictures.with_name("elsewhere"))
    done = call("resume", "~/run", "--import", mine)
    assert done.status == 1
    assert str(pictures) in done.err
    mine = mine.rename(tmp_path / "moved.py")
    del registry._variants["my_net"]  # as in a new process
    done = call("resume", "~/run", "--data", moved, "--import", mine)
    assert (done.status, done.err.count("resumes from")) == (0, 1), done.err
    assert ck.load_run(home / "run").status == "finished"


def test_resume_of_what_is_no_run_of_the_command_line_says_so(
    call: Any, tmp_path: Path, tiny: ck.Splits
) -> None:
    done = call("resume", tmp_path / "nothing")
    assert done.status == 1
    assert "there is no run in" in done.err
    ck.train("linear", tiny, epochs=1, run_dir=tmp_path / "run")
    done = call("resume", tmp_path / "run")
    assert done.status == 1
    assert "not begun by `cifarkit train`" in done.err


def test_ctrl_c_before_the_first_step_claims_nothing_and_leaves_nothing(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: ck.Progress, run: ck.Run) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ck.Progress, "on_fit_start", interrupt)
    folder = tmp_path / "run"
    done = call("train", "linear", "--data", "synthetic", "--run-dir", folder)
    assert done.status == 130
    assert "nothing was learnt yet" in done.err
    assert not folder.exists()


def test_a_network_that_gives_nan_has_neither_score_nor_guesses(call: Any, tmp_path: Path) -> None:
    folder, picture = tmp_path / "run", tmp_path / "1.png"
    data = load_synthetic(**SMALL)
    run = ck.train("linear", data, epochs=1, run_dir=folder)
    Image.new("RGB", (32, 32)).save(picture)
    assert call("evaluate", folder).status == call("predict", folder, picture).status == 0
    run.model[1].bias.data.fill_(torch.nan)
    RunFolder(folder).save_weights(run.model)
    for line in (("evaluate", folder), ("predict", folder, picture, "--json"), ("report", folder)):
        ended = call(*line)
        assert (ended.status, ended.out) == (1, "")
        assert "gives NaN or infinity for" in ended.err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"command": {"data": "synthetic", "colour": "red"}}, "has no command"),
        (
            {"command": {"data": "x", "patience": 1, "device": "cpu", "imported": 5}},
            "has no command",
        ),
        ({}, "not begun by `cifarkit train`. Resume it as it was begun: ck.train("),
    ],
    ids=["of another command", "of other types", "without a command"],
)
def test_resume_says_why_it_cannot(
    changes: dict[str, Any], said: str, call: Any, tmp_path: Path
) -> None:
    ck.train("linear", load_synthetic(**SMALL), epochs=1, run_dir=tmp_path / "run")
    record = tmp_path / "run" / "run.json"
    about = json.loads(record.read_text())
    about["facts"].update(changes)
    record.write_text(json.dumps(about))
    ended = call("resume", tmp_path / "run")
    assert ended.status == 1
    assert said in ended.err


def test_a_run_that_is_read_again_keeps_its_numbers(call: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    line = ("train", "linear", "--data", "synthetic", "--epochs", "1", "--run-dir", folder)
    assert call(*line).status == 0
    path = folder / "evaluation.json"
    said = path.read_text() + " "  # as the last digits of another machine would differ
    path.write_text(said)
    (folder / "figures" / "loss.png").unlink()
    assert call("resume", folder).status == 0
    assert path.read_text() == said
    assert is_png(folder / "figures" / "loss.png")
    assert call("verify", folder).status == 0


def test_a_run_is_exported_once(call: Any, tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    folder = tmp_path / "run"
    assert call("train", "linear", "--data", "synthetic", "--run-dir", folder).status == 0
    done = call("export", folder)
    assert (done.status, done.err) == (0, "")
    assert f"{folder / 'model.onnx'}: on 40 pictures the logits differ by" in done.out
    assert call("verify", folder).status == 0
    again = call("export", folder)
    assert again.status == 1
    assert "nothing is overwritten" in again.err
    assert call("export", folder, "--output", tmp_path / "mine.onnx").status == 0
    assert (tmp_path / "mine.onnx").exists()


def test_a_run_is_exported_however_its_source_was_split(
    call: Any, pictures: Path, tmp_path: Path
) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    folder = tmp_path / "run"
    ck.train("linear", ck.load_image_folder(pictures, val_size=0.4), epochs=1, run_dir=folder)
    done = call("export", folder)
    assert (done.status, done.err) == (0, "")
    other = call("export", folder, "--data", "synthetic", "--output", tmp_path / "other.onnx")
    assert other.status == 1
    assert "has the classes" in other.err


def test_a_network_that_cannot_be_built_from_the_record_is_told(call: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    ck.train("mlp", load_synthetic(**SMALL), epochs=1, run_dir=folder)
    about = json.loads((folder / "run.json").read_text())
    about["variant"]["options"] = {"width": -5}
    (folder / "run.json").write_text(json.dumps(about))
    ended = call("report", folder)
    assert ended.status == 1
    assert "cannot be built" in ended.err
