"""`cifarkit verify` and `cifarkit leaderboard`, as a teacher with many folders meets them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.data import sources

OWN_MODEL = """
import cifarkit as ck
from torch import nn

@ck.register_model("my_net")
def my_net(*, num_classes=10):
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))
"""


@pytest.fixture(autouse=True)
def loads(monkeypatch: pytest.MonkeyPatch, tiny: ck.Splits) -> list[str]:
    """Make the synthetic set small, and count how often it is loaded."""
    loaded = []

    def small(**_sizes: Any) -> ck.Splits:
        loaded.append("synthetic")
        return tiny

    monkeypatch.setattr(sources, "load_synthetic", small)
    return loaded


@pytest.fixture
def runs(tiny: ck.Splits, tmp_path: Path) -> list[Path]:
    """Return the folders of three runs of three seeds."""
    folders = [tmp_path / f"s{seed}" for seed in range(3)]
    for seed, folder in enumerate(folders):
        run = ck.train("linear", tiny, epochs=1, seed=seed, run_dir=folder)
        ck.score_on_test(run, tiny)
    return folders


def forge(folder: Path) -> None:
    about = json.loads((folder / "run.json").read_text())
    about["facts"]["test"]["accuracy"] = 0.99
    (folder / "run.json").write_text(json.dumps(about))


def test_a_run_that_got_more_epochs_is_verified(call: Any, tmp_path: Path) -> None:
    for line in (("train", "linear", "--data", "synthetic", "--run-dir"), ("resume",)):
        for epochs in (1, 2) if line[0] == "train" else (3,):
            assert call(*line, tmp_path / "run", "--epochs", str(epochs)).status == 0
            status, out, _ = call("verify", tmp_path / "run")
            assert (status, "NOT VERIFIED" in out) == (0, False)


def test_whole_runs_are_verified_and_the_status_is_0(
    call: Any, runs: list[Path], loads: list[str]
) -> None:
    status, out, _ = call("verify", *runs)
    assert status == 0
    *lines, last = out.splitlines()  # a long name leaves no room for all of it on one
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [*map(str, runs)]
    words = " ".join(out.split())
    assert len(re.findall(r"verified, test accuracy [\d.]+ % on synthetic \(n = 60\)", words)) == 3
    assert last == "3 of 3 verified"
    assert loads == ["synthetic"]  # once for all


def test_a_forged_run_is_named_with_its_reason_and_the_status_is_1(
    call: Any, runs: list[Path]
) -> None:
    forge(runs[1])
    status, out, _ = call("verify", *runs)
    assert status == 1
    assert f"{runs[1]} NOT VERIFIED" in " ".join(out.split())
    assert "score: run.json says accuracy 99 %" in out
    assert "2 of 3 verified" in out


def test_what_is_no_run_fails_alone(call: Any, runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("remember")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text('{"format": 1, "facts": {"status": 3}}')
    status, out, _ = call("verify", *sorted(tmp_path.iterdir()))
    assert status == 1
    assert "3 of 6 verified" in out
    assert "it is a file" in " ".join(out.split())
    assert "run.json has no 'variant'" in " ".join(out.split())


def test_json_is_for_programs(call: Any, runs: list[Path]) -> None:
    forge(runs[0])
    status, out, _ = call("verify", *runs, "--json")
    found = json.loads(out)
    assert status == 1
    assert [run["passed"] for run in found] == [False, True, True]
    assert found[1]["n"] == 60
    assert {one["outcome"] for one in found[1]["findings"]} >= {"passed"}


def test_data_that_cannot_be_had_is_asked_for_once(
    call: Any, runs: list[Path], tmp_path: Path
) -> None:
    status, out, _ = call("verify", *runs, "--data", tmp_path / "nowhere")
    assert status == 1
    assert out.count("there is no data source") == 3


def test_the_data_that_a_teacher_names_is_what_counts(
    call: Any, runs: list[Path], loads: list[str]
) -> None:
    about = json.loads((runs[0] / "run.json").read_text())
    about["facts"]["data"]["source"] = "pictures of mine"
    (runs[0] / "run.json").write_text(json.dumps(about))
    assert call("verify", *runs)[0] == 1
    assert call("verify", *runs, "--data", "synthetic")[0] == 0


def test_retrain_says_how_alike_the_two_are(call: Any, runs: list[Path]) -> None:
    about = json.loads((runs[1] / "run.json").read_text())
    (runs[1] / "run.json").write_text(json.dumps(about | {"seed": 8}))
    status, out, err = call("verify", *runs[:2], "--retrain")
    assert status == 0
    assert ", bitwise equal" in out
    assert ", within seed noise" in out
    assert "repeated: within seed noise: trained again, it scores" in out
    assert f"{runs[0]}: checked, then trained again" in err


def test_a_model_from_a_file_is_imported_first(call: Any, tiny: ck.Splits, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN_MODEL)
    from cifarkit.models.model_files import import_file
    from cifarkit.models.registry import registry

    import_file(file)
    ck.score_on_test(ck.train("my_net", tiny, epochs=1, run_dir=tmp_path / "run"), tiny)
    registry._variants.pop("my_net")
    status, out, _ = call("verify", tmp_path / "run")
    assert status == 1
    assert "not registered here" in " ".join(out.split())
    assert call("verify", tmp_path / "run", "--import", file)[0] == 0
    file.write_text(OWN_MODEL.replace("nn.Flatten()", "nn.Flatten(1)"))
    status, out, _ = call("verify", tmp_path / "run", "--import", file)
    assert status == 1
    assert "other code" in " ".join(out.split())


def test_the_leaderboard_ranks_what_is_verified(call: Any, runs: list[Path]) -> None:
    forge(runs[2])
    status, out, _ = call("leaderboard", *runs)
    assert status == 0
    ranked, _, below = out.partition("not verified, so not ranked:")
    assert str(runs[0]) in ranked
    assert str(runs[2]) not in ranked
    assert str(runs[2]) in below


def test_the_leaderboard_as_json(call: Any, runs: list[Path]) -> None:
    _, out, _ = call("leaderboard", *runs, "--json")
    (standing,) = json.loads(out)["standings"]
    assert (standing["rank"], standing["seeds"], standing["interval_of"]) == (1, 3, "t")


def test_a_copy_under_another_record_is_told_with_what_it_is_a_copy_of(
    call: Any, runs: list[Path], tmp_path: Path
) -> None:
    assert "the same logits or weights" not in call("verify", *runs).out
    copy = Path(shutil.copytree(runs[0], tmp_path / "mine"))
    about = json.loads((copy / "run.json").read_text())
    about["recipe"]["optimizer"]["eps"] = 1.1e-08
    (copy / "run.json").write_text(json.dumps(about))
    out = " ".join(call("verify", *runs, copy).out.split())
    assert f"the same logits or weights, but different records: {runs[0]}, {copy}" in out
    said = json.loads(call("verify", *runs, copy, "--json").out)
    about = [(one["variant"], one["seed"], one["data"]) for one in said]
    assert about == [("linear", seed, "synthetic") for seed in (0, 1, 2, 0)]
    assert [one["same_logits"] for one in said] == [[str(copy)], [], [], [str(runs[0])]]
    ranked = json.loads(call("leaderboard", *runs, copy, "--json").out)["standings"]
    assert sorted(one["same_logits"] for one in ranked) == sorted([[str(runs[0])], [str(copy)]])


def test_each_folder_is_ranked_apart_where_that_is_asked_for(call: Any, runs: list[Path]) -> None:
    moved = [
        run.rename(run.parent / name / run.name)
        for run, name in zip(runs, placed(runs), strict=True)
    ]
    one = json.loads(call("leaderboard", *moved, "--json").out)["standings"]
    apart = json.loads(call("leaderboard", *moved, "--json", "--by-folder").out)["standings"]
    assert [len(one), len(apart)] == [1, 2]
    assert {standing["owner"] for standing in apart} == {str(run.parent) for run in moved}


def placed(runs: list[Path]) -> list[str]:
    names = ["ada", "ada", "ben"]
    for name in names:
        (runs[0].parent / name).mkdir(exist_ok=True)
    return names


def test_nothing_to_rank_is_no_success(call: Any, tmp_path: Path) -> None:
    ended = call("leaderboard", tmp_path / "nowhere")
    assert ended.status == 1
    assert "not verified, so not ranked" in ended.out


def test_a_speedrun_that_misses_its_target_is_no_success(call: Any, runs: list[Path]) -> None:
    said = json.loads(call("leaderboard", *runs, "--speedrun", "1", "--json").out)
    (refused,) = said["refused"]
    claimed = [json.loads((run / "run.json").read_text())["facts"]["seconds"] for run in runs]
    assert (refused["seconds"], said["standings"]) == (claimed, [])
    status, out, _ = call("leaderboard", *runs, "--speedrun", "1")
    assert status == 1
    assert "is below 100 %" in out


def test_a_target_in_per_cent_is_refused_before_any_data_is_loaded(
    call: Any, runs: list[Path], loads: list[str]
) -> None:
    status, _, err = call("leaderboard", *runs, "--speedrun", "88")
    assert status == 1
    assert "target must be a number, 0 <= value <= 1; found 88.0" in " ".join(err.split())
    assert loads == []


def test_retrain_says_how_long_both_trainings_took(call: Any, runs: list[Path]) -> None:
    (seconds,) = {json.loads((runs[0] / "run.json").read_text())["facts"]["seconds"]}
    out = " ".join(call("verify", runs[0], "--retrain").out.split())
    assert "seconds: trained again, it took" in out
    assert f"the record says {seconds:.3f} s" in out
