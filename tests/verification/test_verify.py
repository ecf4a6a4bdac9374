"""Each forgery is found, and by the check that is named for it."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cifarkit as ck
from cifarkit.report.artefacts import evaluation_to_json
from cifarkit.runs.test_predictions import TEST_PREDICTIONS, TestPredictions
from cifarkit.runs.weights import WEIGHTS
from cifarkit.storage.tensor_file import load_tensors, save_tensors

CHECKS = [
    "run",
    "data",
    "test predictions",
    "record",
    "score",
    "evaluation",
    "history",
    "code",
    "test access",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of two epochs, scored, on the data of `tiny`."""
    data = ck.load_synthetic(n_train=240, n_test=60, val_size=40)
    folder = tmp_path_factory.mktemp("verify") / "run"
    evaluation = ck.score_on_test(ck.train("linear", data, epochs=2, run_dir=folder), data)
    told = evaluation_to_json(evaluation, "test", data.name)  # as `cifarkit train` leaves it
    (folder / "evaluation.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of that run, to be tampered with."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def edit_facts(**changes: Any) -> Callable[[Path], None]:
    return lambda run: edit(run / "run.json", lambda about: about["facts"].update(changes))


def edit_score(**changes: Any) -> Callable[[Path], None]:
    return lambda run: edit(run / "run.json", lambda about: about["facts"]["test"].update(changes))


def edit_evaluation(**changes: Any) -> Callable[[Path], None]:
    return lambda run: edit(run / "evaluation.json", lambda said: said.update(changes))


def edit_predictions(**changes: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Write the test predictions again, with a checksum that fits."""

    def tamper(run: Path) -> None:
        test_predictions = TestPredictions.load(run)
        changed = {
            name: change(getattr(test_predictions, name)) for name, change in changes.items()
        }
        dataclasses.replace(test_predictions, **changed).save(run)

    return tamper


def edit_history(change: Callable[[list[Any]], list[Any]]) -> Callable[[Path], None]:
    def tamper(run: Path) -> None:
        records = change(list(ck.History.from_csv(run / "history.csv")))
        (run / "history.csv").write_text(ck.History(records).as_csv())

    return tamper


def edit_record(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return lambda run: edit(run / "run.json", change)


def put_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def edit_weights(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Path], None]:
    def tamper(run: Path) -> None:
        tensors, document = load_tensors(run / WEIGHTS)
        save_tensors(run / WEIGHTS, {name: change(one) for name, one in tensors.items()}, document)

    return tamper


def other_code(about: dict[str, Any]) -> None:
    about["variant"]["code"] = "0" * 16


def flip_a_byte(run: Path) -> None:
    content = bytearray((run / TEST_PREDICTIONS).read_bytes())
    content[-1] ^= 1
    (run / TEST_PREDICTIONS).write_bytes(content)


def better(records: list[Any]) -> list[Any]:
    return [*records[:-1], {**records[-1], "val_accuracy": 1.0}]


def lower_loss(records: list[Any]) -> list[Any]:
    return [*records[:-1], {**records[-1], "val_loss": 0.5 * records[-1]["val_loss"]}]


def all_right(run: Path) -> None:
    """Forge test predictions that score 100 %, and a record that agrees with it."""
    test_predictions = TestPredictions.load(run)
    logits = np.full_like(test_predictions.logits, -9)
    np.put_along_axis(logits, test_predictions.labels[:, None], 9, axis=1)
    TestPredictions(logits, test_predictions.labels, test_predictions.labels).save(run)
    loss = float(np.log(np.exp(-18.0) * (logits.shape[1] - 1) + 1))
    edit_score(accuracy=1.0, loss=loss)(run)
    (run / "evaluation.json").unlink()


def edit_epoch(**changes: Any) -> Callable[[Path], None]:
    return edit_history(lambda records: [{**records[0], **changes}, *records[1:]])


def not_the_one(about: dict[str, Any]) -> str:
    return "float32" if about["facts"]["precision"] == "bfloat16" else "bfloat16"


FORGERIES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "not over": (edit_facts(status="running"), "run", "the run is not over"),
    "no run.json": (lambda run: (run / "run.json").unlink(), "run", "there is no run"),
    "no weights": (lambda run: (run / WEIGHTS).unlink(), "run", WEIGHTS),
    "a record of another shape": (edit_facts(data=3), "run", "found 3 as data"),
    "a seed that is text": (edit_record(lambda it: it.update(seed="7")), "run", "found '7'"),
    "a name that no terminal can show": (
        edit_record(lambda it: it["facts"]["data"].update(name="\ud800")),
        "run",
        "where a text should be",
    ),
    "a name that paints the terminal": (
        edit_record(lambda it: it["facts"]["data"].update(name="\x1b[32mverified")),
        "run",
        "where a text should be",
    ),
    "a name that is a number": (
        edit_record(lambda it: it["facts"]["data"].update(name=5)),
        "run",
        "has 5 where a text should be",
    ),
    "no callbacks": (edit_record(lambda it: it["facts"].pop("callbacks")), "run", "callbacks"),
    "no seconds": (edit_record(lambda it: it["facts"].pop("seconds")), "record", "not say"),
    "no precision": (edit_record(lambda it: it["facts"].pop("precision")), "record", "not say"),
    "a record too deep": (
        lambda run: (run / "run.json").write_text("[" * 100_000, encoding="utf-8"),
        "run",
        "RecursionError",
    ),
    "other data": (
        lambda run: edit(
            run / "run.json", lambda about: about["facts"]["data"].update(fingerprint="0" * 64)
        ),
        "data",
        "contents, classes or split differ",
    ),
    "no test predictions": (
        lambda run: (run / TEST_PREDICTIONS).unlink(),
        "test predictions",
        "has no test predictions",
    ),
    "a flipped bit": (flip_a_byte, "test predictions", "cannot be read"),
    "shorter test predictions": (
        edit_predictions(
            logits=lambda it: it[:9], predicted=lambda it: it[:9], labels=lambda it: it[:9]
        ),
        "test predictions",
        "9 10, 9, 9",
    ),
    "other labels": (
        edit_predictions(labels=lambda it: (it + 1) % 10),
        "test predictions",
        "60 of its 60 labels are not the test set's",
    ),
    "answers that its logits do not give": (
        edit_predictions(predicted=lambda it: (it + 1) % 10),
        "test predictions",
        "predicted classes do not fit its logits",
    ),
    "an answer that is not a class": (
        edit_predictions(predicted=lambda it: it + 10),
        "test predictions",
        "labels outside of the 10 classes",
    ),
    "a better accuracy": (edit_score(accuracy=0.99), "score", "run.json says accuracy 99 %"),
    "more images": (edit_score(n=6_000), "score", "of 6,000"),
    "a lower loss": (edit_score(loss=0.01), "score", "run.json says loss 0.01000"),
    "a loss that is not a number": (edit_score(loss=float("nan")), "score", "loss nan"),
    "another evaluation": (edit_evaluation(accuracy=1.0), "evaluation", "says accuracy 1.0"),
    "another confusion": (edit_evaluation(confusion=[]), "evaluation", "confusion matrix differs"),
    "an epoch less": (edit_history(lambda it: it[:1]), "history", "has 1 of 2 epochs"),
    "an epoch twice": (edit_history(lambda it: it[:1] * 2), "history", "not numbered"),
    "no history": (lambda run: (run / "history.csv").unlink(), "history", "no history.csv"),
    "an accuracy below 0": (
        edit_epoch(train_accuracy=-5),
        "history",
        "train_accuracy cannot be -5",
    ),
    "an accuracy above 1": (edit_epoch(val_accuracy=1.5), "history", "val_accuracy cannot be 1.5"),
    "a loss that is none": (edit_epoch(train_loss=np.nan), "history", "train_loss cannot be nan"),
    "a rate without end": (edit_epoch(lr=np.inf), "history", "lr cannot be inf"),
    "time that ran back": (edit_facts(seconds=-5), "record", "cannot have taken -5"),
    "no time at all": (edit_facts(seconds=0), "record", "cannot have taken 0"),
    "a time that is not a number": (edit_facts(seconds=np.nan), "record", "cannot have taken nan"),
    "less time than its epochs": (
        lambda run: [edit_epoch(seconds=60)(run), edit_facts(seconds=59)(run)],
        "record",
        "training took 59 s, and its epochs took 60",
    ),
    "another precision": (
        edit_record(lambda it: it["recipe"].update(precision=not_the_one(it))),
        "record",
        "and it trained in",
    ),
    "a precision that its weights have not": (
        edit_facts(precision="float64"),
        "record",
        "it trained in float64, and its weights are torch.float32",
    ),
    "other code": (lambda run: edit(run / "run.json", other_code), "code", "on other code"),
    "other weights": (
        edit_weights(lambda it: it + 0.05 * torch.randn_like(it)),
        "weights",
        "they give other logits than the test predictions",
    ),
    "forged test predictions and record": (all_right, "weights", "the test predictions 100 %"),
    "a better val accuracy": (edit_history(better), "epoch", "val accuracy 100 %"),
    "a lower val loss": (edit_history(lower_loss), "epoch", "val loss"),
    "weights of an epoch that was not": (edit_facts(weights_of_epoch=7), "epoch", "epoch 7 of 2"),
}


def test_an_honest_run_passes_every_check(run: Path, tiny: ck.Splits) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    verification = ck.verify(run, tiny)
    assert verification.passed
    assert [one.check for one in verification.findings] == [*CHECKS, "weights", "epoch"]
    assert {one.outcome for one in verification.findings} == {"passed"}
    assert verification.n == 60
    assert verification.accuracy == TestPredictions.load(run).accuracy
    assert verification.verdict.startswith("verified, test accuracy")
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forgery_is_found_by_the_check_named_for_it(
    what: str, run: Path, tiny: ck.Splits
) -> None:
    forge, check, text = FORGERIES[what]
    forge(run)
    verification = ck.verify(run, tiny)
    assert not verification.passed
    assert verification.verdict == "NOT VERIFIED"
    by_check = {finding.check: finding for finding in verification.failed}
    assert check in by_check, verification
    assert text in by_check[check].message
    assert all(len(line) <= 80 or "/" in line for line in str(verification).splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
@pytest.mark.parametrize(
    "name", ["run.json", "history.csv", "evaluation.json", WEIGHTS, TEST_PREDICTIONS]
)
def test_a_pipe_for_a_file_does_not_keep_the_others_waiting(
    name: str, run: Path, tiny: ck.Splits
) -> None:
    put_a_pipe(run / name)
    (finding,) = ck.verify(run, tiny).failed
    assert f"{name} is not a file" in finding.message


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such device")
def test_a_link_to_what_never_ends_is_not_read(run: Path, tiny: ck.Splits) -> None:
    (run / "history.csv").unlink()
    (run / "history.csv").symlink_to("/dev/zero")
    (finding,) = ck.verify(run, tiny).failed
    assert "history.csv is not a file" in finding.message


def test_a_history_that_a_spreadsheet_has_saved_is_the_same(run: Path, tiny: ck.Splits) -> None:
    text = (run / "history.csv").read_text(encoding="utf-8")
    (run / "history.csv").write_text(text, encoding="utf-8-sig")
    assert ck.verify(run, tiny).passed


def test_the_name_of_the_data_is_the_teacher_s(run: Path, tiny: ck.Splits) -> None:
    edit_record(lambda it: it["facts"]["data"].update(name="AAA"))(run)
    verification = ck.verify(run, tiny)
    assert verification.passed
    assert "on synthetic (n = 60)" in verification.verdict
    assert ck.leaderboard([verification]).standings[0].data == "synthetic"


def test_what_another_device_would_round_otherwise_is_no_forgery(
    run: Path, tiny: ck.Splits
) -> None:
    edit_weights(lambda it: it * (1 + 1e-4 * torch.randn_like(it)))(run)
    assert ck.verify(run, tiny).passed


def test_the_test_set_of_other_data_is_told_apart(run: Path, tiny: ck.Splits) -> None:
    easier = dataclasses.replace(tiny, test=tiny.test.subset(range(30)))
    (finding,) = ck.verify(run, easier).failed
    assert finding.check == "data"


def test_an_own_network_without_a_name_cannot_be_built_and_says_so(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))
    trained = ck.Trainer(ck.Recipe(epochs=1), run_dir=tmp_path / "own").fit(model, tiny)
    ck.score_on_test(trained, tiny)
    (finding,) = ck.verify(tmp_path / "own", tiny).failed
    assert "register its builder" in finding.message


def test_training_that_a_foreign_callback_ended_while_it_saw_test_is_flagged(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    class StopOnTest(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            if run.history[-1]["test_accuracy"] > 0:
                run.stop("good enough on test")

    folder = tmp_path / "steered"
    steered = ck.train(
        "linear", tiny, epochs=3, track_test=True, callbacks=[StopOnTest()], run_dir=folder
    )
    ck.score_on_test(steered, tiny)
    assert [one.check for one in ck.verify(folder, tiny).failed] == ["test access"]


def test_what_is_no_splits_is_refused(run: Path) -> None:
    with pytest.raises(ck.DataError, match="Splits"):
        ck.verify(run, [])  # type: ignore[arg-type]


def test_a_name_that_no_disk_takes_is_a_finding(tiny: ck.Splits) -> None:
    assert not ck.verify("x" * 500, tiny).passed


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_that_is_none_of_the_runs_files_is_left_alone(run: Path, tiny: ck.Splits) -> None:
    os.mkfifo(run / "p")
    assert ck.verify(run, tiny).passed


def test_an_honest_pair_of_one_seed_is_named_and_not_judged(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    """A limit that no gradient reaches changes nothing but the record."""
    found = []
    for name, callbacks in {"ada": [], "ben": [ck.GradientClip(1e6)]}.items():
        run = ck.train("linear", tiny, epochs=1, run_dir=tmp_path / name, callbacks=callbacks)
        ck.score_on_test(run, tiny)
        found.append(ck.verify(tmp_path / name, tiny))
    assert all(run.passed for run in found)
    board = str(ck.leaderboard(found))
    assert board.count("the same logits or weights are in") == 2
    assert "copy" not in board
