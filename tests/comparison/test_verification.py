"""A run folder that was not touched passes; one that was forged does not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import cifarkit as ck
from cifarkit.comparison import weight_checks
from cifarkit.models.registry import registry
from cifarkit.storage.tensor_file import load_tensors, save_tensors
from cifarkit.training.sealed_test import RECEIPT


@pytest.fixture(scope="module")
def finished(tiny: ck.Splits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two runs of two seeds."""
    parent = tmp_path_factory.mktemp("finished")
    for seed in (0, 1):
        run = ck.train("linear", tiny, epochs=2, seed=seed, run_dir=parent / str(seed))
        evaluation = ck.score_on_test(run, tiny)
        numbers: dict[str, Any] = {"part": "test", "n": 60, "accuracy": evaluation.accuracy}
        numbers |= {"loss": evaluation.loss, "confusion": evaluation.confusion.tolist()}
        numbers |= {"accuracy_interval_95": list(evaluation.accuracy_interval)}
        (parent / str(seed) / "evaluation.json").write_text(json.dumps(numbers))
    return parent


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """Return the folder of a run, to be forged."""
    return shutil.copytree(finished / "0", tmp_path / "run")


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def rehash(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change a receipt and give it the checksum that then fits."""
    tensors, document = load_tensors(folder / RECEIPT)
    change(tensors)
    save_tensors(folder / RECEIPT, tensors, document)


def failed(folder: Path, splits: ck.Splits) -> dict[str, str]:
    """Return what speaks against a run, by the name of the check."""
    verification = ck.verify(folder, splits)
    assert not verification.passed
    assert "NOT VERIFIED" in str(verification)
    return {one.check: one.found for one in verification.failed}


def test_an_untouched_run_passes(folder: Path, tiny: ck.Splits) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    verification = ck.verify(folder, tiny)
    assert verification.passed
    assert verification.failed == ()
    assert {one.outcome for one in verification.findings} == {"passed"}
    assert verification.n == 60
    assert verification.accuracy == ck.Receipt.load(folder).accuracy
    assert "verified, test accuracy" in str(verification)
    assert "(n = 60)" in str(verification)
    assert all(len(line) <= 80 for line in str(verification).splitlines()[1:])
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert json.loads(json.dumps(verification.to_json()))["passed"] is True


@pytest.mark.parametrize("variant", ["baseline", "batchnorm", "speedrun"])
def test_an_untouched_run_of_another_network_passes(
    variant: str, tiny: ck.Splits, tmp_path: Path
) -> None:
    run = ck.train(variant, tiny, epochs=1, run_dir=tmp_path / "run")
    ck.score_on_test(run, tiny)
    verification = ck.verify(tmp_path / "run", tiny)
    assert verification.passed, str(verification)


def test_a_run_that_early_stopping_ended_passes(tiny: ck.Splits, tmp_path: Path) -> None:
    stopper = ck.EarlyStopping(patience=1, min_delta=1e6)
    folder = tmp_path / "run"
    run = ck.train("linear", tiny, epochs=9, callbacks=[stopper], run_dir=folder, track_test=True)
    ck.score_on_test(run, tiny)
    assert run.facts["weights_of_epoch"] < len(run.history)
    verification = ck.verify(folder, tiny, retrain=True)
    assert verification.passed, str(verification)
    assert verification.repeated == "bitwise equal"


def test_logits_that_another_machine_rounds_otherwise_pass(
    folder: Path, tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = weight_checks.Receipt.of

    def rounded(evaluation: ck.Evaluation) -> ck.Receipt:
        noise = np.random.default_rng(0).normal(0, 2e-3, evaluation.logits.shape)
        logits = evaluation.logits + np.float32(noise * evaluation.logits.std())
        return real(replace(evaluation, logits=logits))

    monkeypatch.setattr(weight_checks.Receipt, "of", rounded)
    assert ck.verify(folder, tiny).passed


def test_a_raised_accuracy_in_the_record_is_found(folder: Path, tiny: ck.Splits) -> None:
    rewrite(folder / "run.json", lambda about: about["facts"]["test"].update(accuracy=0.95))
    found = failed(folder, tiny)
    assert set(found) == {"score"}
    assert "run.json says accuracy 95 %" in found["score"]
    assert "the receipt scores" in found["score"]


def test_a_lowered_loss_in_the_record_is_found(folder: Path, tiny: ck.Splits) -> None:
    loss = ck.load_run(folder).facts["test"]["loss"]
    rewrite(folder / "run.json", lambda about: about["facts"]["test"].update(loss=loss - 0.02))
    assert set(failed(folder, tiny)) == {"score", "evaluation"}


@pytest.mark.parametrize("name", ["accuracy", "loss", "n", "confusion", "part"])
def test_a_changed_evaluation_file_is_found(name: str, folder: Path, tiny: ck.Splits) -> None:
    rewrite(folder / "evaluation.json", lambda numbers: numbers.update({name: 0.99}))
    assert set(failed(folder, tiny)) == {"evaluation"}


def test_a_run_without_an_evaluation_file_passes(folder: Path, tiny: ck.Splits) -> None:
    (folder / "evaluation.json").unlink()
    verification = ck.verify(folder, tiny)
    assert verification.passed
    assert [one.check for one in verification.findings if one.outcome == "not run"] == [
        "evaluation"
    ]


@pytest.mark.parametrize(("column", "value"), [("val_accuracy", 0.97), ("val_loss", 0.1)])
def test_an_edited_history_is_found(
    column: str, value: float, folder: Path, tiny: ck.Splits
) -> None:
    history = ck.History.from_csv(folder / "history.csv")
    history[-1][column] = value
    history.to_csv(folder / "history.csv")
    found = failed(folder, tiny)
    assert set(found) == {"epoch"}
    assert "the weights give" in found["epoch"]


def test_a_history_without_val_is_found(folder: Path, tiny: ck.Splits) -> None:
    history = ck.History.from_csv(folder / "history.csv")
    for record in history:
        del record["val_accuracy"]
    history.to_csv(folder / "history.csv")
    assert failed(folder, tiny) == {"epoch": "history.csv, epoch 2: it has no val numbers"}


def test_a_history_that_lacks_an_epoch_is_found(folder: Path, tiny: ck.Splits) -> None:
    lines = (folder / "history.csv").read_text().splitlines()
    (folder / "history.csv").write_text("\n".join([lines[0], lines[2]]) + "\n")
    assert "history" in failed(folder, tiny)
    (folder / "history.csv").unlink()
    assert "history" in failed(folder, tiny)


def test_weights_of_another_run_are_found(finished: Path, folder: Path, tiny: ck.Splits) -> None:
    shutil.copy(finished / "1" / "weights.safetensors", folder)
    found = failed(folder, tiny)
    assert set(found) == {"weights", "epoch"}
    assert "they give other logits" in found["weights"]


def test_replaced_labels_are_found(folder: Path, tiny: ck.Splits) -> None:
    rehash(folder, lambda tensors: tensors.update(labels=tensors["predicted"].clone()))
    found = failed(folder, tiny)
    assert set(found) == {"receipt"}
    assert "labels are not those of the test set" in found["receipt"]


def test_an_edited_receipt_is_found(folder: Path, tiny: ck.Splits) -> None:
    content = bytearray((folder / RECEIPT).read_bytes())
    content[-1] ^= 1
    (folder / RECEIPT).write_bytes(content)
    assert "checksum" in failed(folder, tiny)["receipt"]


def test_predictions_that_are_not_of_the_logits_are_found(folder: Path, tiny: ck.Splits) -> None:
    rehash(folder, lambda tensors: tensors.update(predicted=tensors["labels"].clone()))
    assert "predicted classes are not those of its logits" in failed(folder, tiny)["receipt"]


def forge_all(folder: Path, test: ck.ImageSet) -> None:
    """Make receipt and record say together that the first images are all right."""

    def change(tensors: dict[str, torch.Tensor]) -> None:
        rows = torch.arange(30)
        tensors["logits"][rows, tensors["labels"][:30].long()] = 9.0
        tensors["predicted"][:30] = tensors["labels"][:30]

    rehash(folder, change)
    receipt = ck.Receipt.load(folder)
    evaluation = ck.Evaluation(np.float32(receipt.logits), receipt.labels, test.classes)
    score = {"n": 60, "accuracy": receipt.accuracy, "loss": evaluation.loss}
    rewrite(folder / "run.json", lambda about: about["facts"].update(test=score))
    (folder / "evaluation.json").unlink()


def test_a_receipt_that_was_forged_whole_is_found_by_the_weights(
    folder: Path, tiny: ck.Splits
) -> None:
    forge_all(folder, tiny.test)
    assert set(failed(folder, tiny)) == {"weights"}


@pytest.mark.parametrize("shape", ["fewer images", "other classes", "float32", "impossible class"])
def test_a_receipt_of_another_form_is_found(shape: str, folder: Path, tiny: ck.Splits) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        if shape == "fewer images":
            tensors.update({name: tensor[:50] for name, tensor in tensors.items()})
        elif shape == "other classes":
            tensors["logits"] = tensors["logits"][:, :5]
        elif shape == "float32":
            tensors["logits"] = tensors["logits"].float()
        else:
            tensors["predicted"][0] = 200

    rehash(folder, change)
    assert set(failed(folder, tiny)) == {"receipt"}


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("run.json", "run"),
        ("history.csv", "run"),
        ("weights.safetensors", "run"),
        (RECEIPT, "receipt"),
        ("evaluation.json", "evaluation"),
    ],
)
def test_a_truncated_file_is_found(name: str, check: str, folder: Path, tiny: ck.Splits) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    assert check in failed(folder, tiny)


@pytest.mark.parametrize("name", ["run.json", "weights.safetensors", RECEIPT])
def test_a_missing_file_is_found(name: str, folder: Path, tiny: ck.Splits) -> None:
    (folder / name).unlink()
    assert not ck.verify(folder, tiny).passed


@pytest.mark.parametrize("wrong", [None, 7, "x", [], {}, {"accuracy": "0.9"}])
def test_nonsense_in_the_record_is_a_finding_and_no_error(
    wrong: Any, folder: Path, tiny: ck.Splits
) -> None:
    original = (folder / "run.json").read_text()
    for fact in ("test", "data", "callbacks", "weights_of_epoch", "status"):
        rewrite(folder / "run.json", lambda about, fact=fact: about["facts"].update({fact: wrong}))
        if not (fact == "callbacks" and wrong in ([], {}, "x", {"accuracy": "0.9"})):
            assert not ck.verify(folder, tiny).passed, fact
        (folder / "run.json").write_text(original)


def test_other_data_and_another_split_are_found(folder: Path, tiny: ck.Splits) -> None:
    for other in (
        ck.load_synthetic(n_train=240, n_test=60, val_size=40, seed=9),
        ck.load_synthetic(n_train=240, n_test=60, val_size=41),
    ):
        found = failed(folder, other)
        assert set(found) == {"data"}
        assert "split differ" in found["data"]


def test_a_forged_fingerprint_does_not_help(folder: Path, tiny: ck.Splits) -> None:
    other = ck.load_synthetic(n_train=240, n_test=60, val_size=40, seed=9)
    claim = {"fingerprint": other.fingerprint}
    rewrite(folder / "run.json", lambda about: about["facts"]["data"].update(claim))
    assert set(failed(folder, other)) == {"weights", "epoch"}  # the labels are the same


def test_changed_code_is_found(tiny: ck.Splits, tmp_path: Path) -> None:
    def mine(*, num_classes: int = 10) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))

    def changed(*, num_classes: int = 10) -> nn.Module:
        head = nn.Linear(3072, num_classes)
        return nn.Sequential(nn.Flatten(), head)

    ck.register_model("mine")(mine)
    run = ck.train("mine", tiny, epochs=1, run_dir=tmp_path / "run")
    ck.score_on_test(run, tiny)
    assert ck.verify(tmp_path / "run", tiny).passed
    ck.register_model("mine", replace=True)(changed)
    found = failed(tmp_path / "run", tiny)
    assert set(found) == {"code"}  # the same network, from other code
    assert "other code under the name 'mine'" in found["code"]
    registry._variants.pop("mine")
    assert "not registered here" in failed(tmp_path / "run", tiny)["run"]


def test_a_model_that_raises_is_a_finding(tiny: ck.Splits, tmp_path: Path) -> None:
    calls = []

    @ck.register_model("fragile")
    def fragile(*, num_classes: int = 10) -> nn.Module:
        if calls:
            raise ZeroDivisionError("no more")
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))

    ck.score_on_test(ck.train("fragile", tiny, epochs=1, run_dir=tmp_path / "run"), tiny)
    calls.append(1)
    assert "ZeroDivisionError: no more" in failed(tmp_path / "run", tiny)["run"]


def test_a_run_that_is_not_over_or_not_scored_does_not_pass(
    folder: Path, tiny: ck.Splits, tmp_path: Path
) -> None:
    ck.train("linear", tiny, epochs=1, run_dir=tmp_path / "unscored")
    assert "no receipt" in failed(tmp_path / "unscored", tiny)["receipt"]
    rewrite(folder / "run.json", lambda about: about["facts"].update(status="interrupted"))
    assert "is not over" in failed(folder, tiny)["run"]


def test_a_network_without_a_name_does_not_pass(tiny: ck.Splits, tmp_path: Path) -> None:
    trainer = ck.Trainer(ck.Recipe(epochs=1), run_dir=tmp_path / "run")
    ck.score_on_test(trainer.fit(ck.create_model("linear"), tiny), tiny)
    assert "without a registered name" in failed(tmp_path / "run", tiny)["run"]


def test_a_run_that_may_be_steered_by_test_does_not_pass(tiny: ck.Splits, tmp_path: Path) -> None:
    class StopOnTest(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            if run.history[-1]["test_accuracy"] >= 0:
                run.stop("good enough")

    run = ck.train(
        "linear", tiny, epochs=3, track_test=True, callbacks=[StopOnTest()], run_dir=tmp_path / "a"
    )
    ck.score_on_test(run, tiny)
    assert set(failed(tmp_path / "a", tiny)) == {"looks"}


def test_what_is_no_folder_of_a_run_does_not_pass(tmp_path: Path, tiny: ck.Splits) -> None:
    (tmp_path / "file").write_text("x")
    shutil.copytree(tmp_path, tmp_path / "empty", ignore=shutil.ignore_patterns("*"))
    for name in ("file", "empty", "nothing"):
        assert set(failed(tmp_path / name, tiny)) == {"run"}


def test_a_folder_of_runs_says_what_to_name(finished: Path, tiny: ck.Splits) -> None:
    (finding,) = ck.verify(finished, tiny).failed
    assert finding.cure == f"it holds runs; name them: {finished}/*"


def test_what_is_no_splits_is_an_error(folder: Path) -> None:
    with pytest.raises(ck.DataError, match="found str"):
        ck.verify(folder, "synthetic")  # type: ignore[arg-type]
