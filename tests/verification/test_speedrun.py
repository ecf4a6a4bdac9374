"""The speedrun's rules: what is ranked by seconds, and how each attempt to slip in is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cifarkit as ck
from cifarkit.runs.facts import Facts
from cifarkit.runs.test_predictions import TestPredictions

N = 10_000
LAPTOP = {
    "device": "cpu",
    "cpu": "a laptop's",
    "threads": 2,
    "versions": {"torch": "2.14.1", "cifarkit": "0.1.0"},
}
HEAD = "Mean training seconds to a test accuracy of 88 % on CIFAR-10"


def verified(
    seed: int,
    correct: int,
    seconds: float = 100.0,
    *,
    folder: str = "runs",
    variant: str = "speedrun",
    environment: dict[str, Any] = LAPTOP,
    **facts: Any,
) -> ck.Verification:
    """Return a verification that has passed."""
    about = {
        "variant": {"name": variant, "code": variant, "options": {}},
        "recipe": {"epochs": 14},
        "seed": seed,
        "facts": Facts(
            seconds=seconds,
            data={"name": "CIFAR-10", "fingerprint": "b57d"},
            environment=environment,
            precision="float32",
            **facts,
        ),
    }
    path = f"{folder}/{variant}-{seed}"
    logits = np.random.default_rng(list(path.encode())).normal(size=(9, 10)).astype(np.float16)
    return ck.Verification(
        Path(path),
        (ck.Finding("weights", "passed", "they give the logits"),),
        about,
        correct,
        N,
        test_predictions=TestPredictions(logits, logits.argmax(1), logits.argmax(1)),
        data="CIFAR-10",
    )


def entry(
    correct: tuple[int, ...] = (8_820, 8_825, 8_830), seconds: float = 100.0, **others: Any
) -> list[ck.Verification]:
    """Return runs of the seeds 0, 1, 2, …; each takes a second longer than the one before."""
    return [verified(seed, score, seconds + seed, **others) for seed, score in enumerate(correct)]


def board(runs: list[ck.Verification], target: float = 0.88) -> ck.SpeedrunLeaderboard:
    return ck.speedrun_leaderboard(runs, target=target)


def reason(runs: list[ck.Verification], target: float = 0.88) -> str:
    """Return why the only entry is not ranked."""
    found = board(runs, target)
    assert not found.standings
    (each,) = found.refused
    return each.refused


def test_the_fastest_of_those_that_reach_the_target_is_first() -> None:
    runs = [
        *entry(seconds=200, variant="slow"),
        *entry((9_020, 9_025, 9_030), seconds=300, variant="accurate"),
        *entry(seconds=100, variant="fast"),
        *entry((5_000, 5_001, 5_002), seconds=1, variant="hasty"),
    ]
    found = board(runs)
    assert [each.entry.variant for each in found.standings] == ["fast", "slow", "accurate"]
    assert [each.mean_seconds for each in found.standings] == [101, 201, 301]
    assert [each.entry.variant for each in found.refused] == ["hasty"]
    assert board(runs[::-1]) == found
    assert [each.entry.variant for each in board(runs, 0.9).standings] == ["accurate"]


def test_a_row_has_seconds_accuracy_p_seeds_and_what_it_was_made_with() -> None:
    text = str(board(entry()))
    assert f"{HEAD} (n = 10,000, b57d), a" in " ".join(text.split())
    assert "a laptop's, threads: 2. Accuracies are verified, and seconds are claimed." in " ".join(
        text.split()
    )
    row = next(line for line in text.splitlines() if line.startswith("1"))
    assert row.split() == [
        *("1", "101.00", "100.00", "to", "102.00"),
        *("88.25", "%", ".00654", "3", "speedrun"),
    ]
    assert "runs/speedrun-0, runs/speedrun-1, runs/speedrun-2" in text
    assert "cifarkit 0.1.0, torch 2.14.1, float32" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_a_lucky_seed_alone_is_refused() -> None:
    assert reason([verified(0, 9_500)]).startswith("only 1 seed counts")
    assert reason(entry((9_500, 9_501))).startswith("only 2 seeds count")


def test_lucky_seeds_chosen_among_many_are_refused() -> None:
    chosen = [verified(seed, 8_815 + seed) for seed in (3, 17, 40)]
    assert reason(chosen) == (
        "its seeds are 3, 17, 40; allowed are 0 to 2, so that nobody can choose lucky ones"
    )


def test_a_seed_that_failed_the_checks_cannot_be_left_out() -> None:
    runs = entry((8_820, 8_825, 8_830, 8_812))
    failed = ck.Finding("weights", "failed", "they give other logits")
    runs[1] = replace(runs[1], findings=(failed,))
    assert reason(runs).startswith("its seeds are 0, 2, 3; allowed are 0 to 2")
    assert "weights: they give other logits" in str(board(runs))


def test_a_mean_below_the_target_is_refused() -> None:
    assert reason(entry((8_790, 8_800, 8_809))) == "its mean of 87.9967 % is below 88 %"


def test_a_mean_that_is_above_the_target_by_luck_is_refused() -> None:
    assert reason(entry((8_790, 8_805, 8_830))) == (
        "its mean of 88.0833 % may be above 88 % by luck: p is .275, and p < .01 is needed"
    )
    assert reason(entry((8_801, 8_801, 8_801))).startswith("its mean of 88.01 % may be above")


def test_more_seeds_show_what_three_do_not() -> None:
    assert "by luck" in reason(entry((8_805, 8_815, 8_825)))
    (each,) = board(entry((8_805, 8_815, 8_825) * 3)).standings
    assert each.p < 0.01


def test_machines_are_not_mixed() -> None:
    fast = LAPTOP | {"cpu": "a server's"}
    runs = entry()
    runs[0] = verified(0, 8_820, 9.0, environment=fast)
    found = board(runs)
    assert not found.standings
    assert sorted(each.machine for each in found.refused) == [
        "a laptop's, threads: 2",
        "a server's, threads: 2",
    ]
    assert all("on this machine with this software" in each.refused for each in found.refused)


@pytest.mark.parametrize(
    "others",
    [
        {"environment": LAPTOP | {"cpu": "a server's"}},
        {"environment": LAPTOP | {"threads": 64}},
        {"environment": LAPTOP | {"device": "a graphics card"}},
        {"processes": 2},
    ],
)
def test_each_machine_has_a_ranking_of_its_own(others: dict[str, Any]) -> None:
    found = board([*entry(), *entry(seconds=5, folder="elsewhere", **others)])
    assert [line["rank"] for line in found.to_json()["standings"]] == [1, 1]
    assert len(found.by_machine) == 2
    assert " ".join(str(found).split()).count(HEAD) == 2


def test_other_versions_are_another_entry_of_the_same_machine() -> None:
    newer = LAPTOP | {"versions": {"torch": "3.0", "cifarkit": "0.1.0"}}
    found = board([*entry(), *entry(seconds=50, folder="newer", environment=newer)])
    assert [each.software for each in found.standings] == [
        "cifarkit 0.1.0, torch 3.0, float32",
        "cifarkit 0.1.0, torch 2.14.1, float32",
    ]
    assert len(found.by_machine) == 1


def test_copies_of_one_run_are_one_seed() -> None:
    first, *others = entry()
    copies = [first, *(replace(run, test_predictions=first.test_predictions) for run in others)]
    assert reason(copies).startswith("only 1 seed counts")
    assert "not counted (same seed, logits or weights): runs/speedrun-1" in str(board(copies))


def test_of_several_tries_of_one_seed_the_slowest_counts() -> None:
    again = replace(verified(0, 8_820, 3.0), folder=Path("runs/again"))
    (each,) = board([*entry(), again]).standings
    assert each.seconds == (100, 101, 102)
    assert each.entry.doubles == ("runs/again",)


def test_a_run_that_was_resumed_has_no_seconds_of_its_own() -> None:
    runs = entry()
    runs[2] = verified(2, 8_830, resumed=["epoch 3, step 1"])
    assert reason(runs) == (
        "runs/speedrun-2 was resumed, and its seconds leave out what came between"
    )


def test_the_json_has_every_entry() -> None:
    runs = [*entry(), *entry((10, 11, 12), variant="weak")]
    said = json.loads(json.dumps(board(runs).to_json()))
    assert said["target"] == 0.88
    (ranked,), (refused,) = said["standings"], said["refused"]
    assert (ranked["rank"], ranked["variant"], ranked["mean_seconds"]) == (1, "speedrun", 101)
    assert ranked["seconds"] == [100, 101, 102]
    assert refused["refused"] == "its mean of 0.11 % is below 88 %"


@pytest.mark.parametrize("target", [88, -0.1, float("nan"), "0.88", None, True])
def test_a_target_is_a_share(target: Any) -> None:
    with pytest.raises(ck.DataError, match=r"^target must be a number, 0 <= value <= 1; found"):
        ck.speedrun_leaderboard([], target=target)


def test_only_verifications_are_ranked() -> None:
    with pytest.raises(ck.DataError, match=r"ranks what ck.verify returned, found 'runs/a'"):
        ck.speedrun_leaderboard(["runs/a"], target=0.5)  # type: ignore[list-item]


def edit(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    about = json.loads((run / "run.json").read_text(encoding="utf-8"))
    change(about)
    (run / "run.json").write_text(json.dumps(about), encoding="utf-8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[ck.Splits, Path]:
    """Return data, and a folder with three seeds that learn it."""
    data = ck.load_synthetic(n_train=400, n_test=200, val_size=50)
    folder = tmp_path_factory.mktemp("trained")
    for seed in range(3):
        run = ck.train("linear", data, epochs=2, seed=seed, run_dir=folder / f"{seed}")
        ck.score_on_test(run, data)
    return data, folder


@pytest.fixture
def folder(trained: tuple[ck.Splits, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained[1], tmp_path / "runs"))


def by_seconds(data: ck.Splits, folder: Path) -> ck.SpeedrunLeaderboard:
    verifications = [ck.verify(run, data) for run in sorted(folder.iterdir())]
    return ck.speedrun_leaderboard(verifications, target=0.05)


def test_trained_runs_are_ranked_with_the_seconds_of_their_records(
    trained: tuple[ck.Splits, Path],
) -> None:
    data, folder = trained
    (each,) = by_seconds(data, folder).standings
    assert each.seconds == tuple(ck.load_run(run).facts.seconds for run in sorted(folder.iterdir()))
    assert each.software.startswith(f"cifarkit {ck.__version__}, torch")


@pytest.mark.parametrize("seconds", [0, -3.0, float("nan"), float("inf"), 1e-9])
def test_forged_seconds_are_not_verified(
    seconds: float, trained: tuple[ck.Splits, Path], folder: Path
) -> None:
    edit(folder / "0", lambda about: about["facts"].update(seconds=seconds))
    found = by_seconds(trained[0], folder)
    assert not found.standings
    (run,) = found.unverified
    assert [finding.check for finding in run.failed] == ["record"]


def test_a_real_copy_under_another_seed_is_one_seed(
    trained: tuple[ck.Splits, Path], folder: Path
) -> None:
    for seed in (1, 2):
        shutil.rmtree(folder / f"{seed}")
        shutil.copytree(folder / "0", folder / f"{seed}")
        edit(folder / f"{seed}", lambda about, seed=seed: about.update(seed=seed))
    found = by_seconds(trained[0], folder)
    (each,) = found.refused
    assert each.refused.startswith("only 1 seed counts")


def test_a_run_that_test_ended_is_not_verified(
    trained: tuple[ck.Splits, Path], folder: Path
) -> None:
    class StopOnTest(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            if run.history[-1]["test_accuracy"] > 0.05:
                run.stop("good enough on test")

    data = trained[0]
    for seed in range(3):
        shutil.rmtree(folder / f"{seed}")
        run = ck.train(
            "linear",
            data,
            epochs=2,
            seed=seed,
            track_test=True,
            callbacks=[StopOnTest()],
            run_dir=folder / f"{seed}",
        )
        ck.score_on_test(run, data)
    found = by_seconds(data, folder)
    assert not found.standings
    assert [[each.check for each in run.failed] for run in found.unverified] == [
        ["test access"]
    ] * 3
