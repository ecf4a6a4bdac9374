"""Training again: bitwise equal, within seed noise, different, or not to be repeated."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import cifarkit as ck
from cifarkit.runs.folder import RunFolder
from cifarkit.runs.test_predictions import TEST_PREDICTIONS, TestPredictions
from cifarkit.training.callback import qualified_name
from cifarkit.verification import repetition
from cifarkit.verification.siblings import sibling_accuracies


def scored(folder: Path, splits: ck.Splits, **options: Any) -> Path:
    """Train a run and score it."""
    ck.score_on_test(ck.train("linear", splits, run_dir=folder, **{"epochs": 2} | options), splits)
    return folder


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def the_finding(verification: ck.Verification, check: str = "repeated") -> ck.Finding:
    (finding,) = (one for one in verification.findings if one.check == check)
    return finding


def test_a_run_is_repeated_bit_for_bit(tiny: ck.Splits, tmp_path: Path) -> None:
    augment = (ck.Flip(), ck.Crop(padding=2))
    folder = scored(tmp_path / "run", tiny, seed=5, augment=augment, track_test=True)
    threads = torch.get_num_threads()
    verification = ck.verify(folder, tiny, retrain=True)
    assert verification.repeated == "bitwise equal"
    assert verification.passed
    assert the_finding(verification, "each epoch").outcome == "passed"
    assert torch.get_num_threads() == threads
    assert "bitwise equal" in verification.verdict


def test_it_is_repeated_as_it_was_compiled(
    tiny: ck.Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def noted(*arguments: Any, compile: str, **options: Any) -> ck.Run:
        asked.append(compile)
        return ck.train(*arguments, compile=compile, **options)

    monkeypatch.setattr(repetition, "train", noted)
    folder = scored(tmp_path / "run", tiny, compile="off")
    assert ck.verify(folder, tiny, retrain=True).repeated == "bitwise equal"
    rewrite(folder / "run.json", lambda about: about["facts"].pop("compile"))  # an early record
    assert ck.verify(folder, tiny, retrain=True).repeated == "bitwise equal"
    assert asked == ["off", "auto"]


def test_what_cannot_be_compiled_here_is_repeated_uncompiled(
    tiny: ck.Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = scored(tmp_path / "run", tiny)
    rewrite(folder / "run.json", lambda about: about["facts"].update(compile="on"))
    rewrite(folder / "run.json", lambda about: about.update(seed=1))  # for other bits
    monkeypatch.setattr(torch._dynamo, "config", SimpleNamespace())  # a torch that is too old
    verification = ck.verify(folder, tiny, retrain=True)
    assert verification.repeated == "within seed noise"
    found = the_finding(verification).message
    assert "It was compiled, which could not be done here" in found
    assert "equal bits" not in found


def test_another_failure_is_not_taken_for_one_of_the_compiler(
    tiny: ck.Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*arguments: Any, **options: Any) -> ck.Run:
        raise ck.NonFiniteLossError("the loss became nan")

    folder = scored(tmp_path / "run", tiny)
    rewrite(folder / "run.json", lambda about: about["facts"].update(compile="on"))
    monkeypatch.setattr(repetition, "train", lost)
    verification = ck.verify(folder, tiny, retrain=True)
    assert not verification.passed
    assert "training it again failed: the loss became nan" in the_finding(verification).message


def test_a_network_of_float64_is_verified_and_repeated(tiny: ck.Splits, tmp_path: Path) -> None:
    @ck.register_model("in-float64", recipe=ck.Recipe(precision="float32"), summary="double")
    def in_float64(*, num_classes: int = 10) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes)).double()

    run = ck.train("in-float64", tiny, epochs=1, run_dir=tmp_path / "run", device="cpu")
    ck.score_on_test(run, tiny)
    verification = ck.verify(tmp_path / "run", tiny, retrain=True)
    assert verification.passed
    assert verification.repeated == "bitwise equal"
    assert the_finding(verification, "record").message.startswith("it trained in float64")


def test_what_a_fellow_s_record_says_cannot_spoil_a_repetition(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    folder = scored(tmp_path / "mine", tiny)
    for seed in (1, 2, 3):
        shutil.copytree(folder, tmp_path / f"fellow-{seed}")
        rewrite(
            tmp_path / f"fellow-{seed}" / "run.json",
            lambda about, seed=seed: (
                about.update(seed=seed)  # type: ignore[misc]
                or about["facts"]["test"].update(accuracy=float("nan"))
            ),
        )
    about = json.loads((folder / "run.json").read_text())
    assert sibling_accuracies(folder, about) == []


def test_an_epoch_that_was_edited_is_found_by_training_again(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    folder = scored(tmp_path / "run", tiny)
    history = ck.History.from_csv(folder / "history.csv")
    history[0]["val_accuracy"] = 0.9  # of an epoch whose weights are gone
    (folder / "history.csv").write_text(history.as_csv())
    assert ck.verify(folder, tiny).passed
    verification = ck.verify(folder, tiny, retrain=True)
    assert verification.repeated == "bitwise equal"
    assert "epoch 1 has val_accuracy 0.9" in the_finding(verification, "each epoch").message
    assert not verification.passed


def test_an_answer_within_rounding_can_be_swapped_until_it_is_trained_again(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    """What the page says of the plain check: one image in 500, and one of a small set."""
    folder = scored(tmp_path / "run", tiny)
    honest = TestPredictions.load(folder)
    logits, labels = honest.logits.copy(), honest.labels
    gaps = logits.max(axis=1) - np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    (chosen,) = np.flatnonzero(gaps == gaps[gaps > 0].min())[:1]
    pair = [honest.predicted[chosen], labels[chosen]]
    logits[chosen, pair] = logits[chosen, pair[::-1]]
    forged = TestPredictions(logits, honest.predicted.copy(), labels)
    forged.predicted[chosen] = labels[chosen]
    forged.save(folder)
    rows = torch.from_numpy(logits.astype(np.float32))
    loss = float(torch.nn.functional.cross_entropy(rows, torch.from_numpy(labels)))
    score = {"accuracy": forged.accuracy, "loss": loss}
    rewrite(folder / "run.json", lambda about: about["facts"]["test"].update(score))
    assert forged.accuracy == pytest.approx(honest.accuracy + 1 / len(labels))
    assert ck.verify(folder, tiny).passed
    verification = ck.verify(folder, tiny, retrain=True)
    assert verification.repeated == "bitwise equal"
    assert "gives 1 test images another class" in the_finding(verification, "predictions").message
    assert not verification.passed


def test_weights_that_saw_the_test_set_are_different(tmp_path: Path) -> None:
    """What no file betrays: all is as cifarkit left it, but for what was trained on."""
    data = ck.load_synthetic(n_train=240, n_test=300, val_size=40)
    folder = scored(tmp_path / "run", data, epochs=1)
    run = ck.load_run(folder)
    cheat = ck.Splits(data.test, data.val, data.test, data.name)
    ck.Trainer(ck.Recipe(epochs=40)).fit(run.model, cheat)
    val = ck.evaluate(run.model, data.val)
    run.history[-1].update(val_accuracy=val.accuracy, val_loss=val.loss)
    RunFolder(folder).save_weights(run.model)
    (folder / TEST_PREDICTIONS).unlink()
    run.facts.test = None
    ck.score_on_test(run, data)
    assert ck.verify(folder, data).passed  # the honest limit of test predictions
    verification = ck.verify(folder, data, retrain=True)
    assert verification.repeated == "different"
    assert not verification.passed
    assert "because fewer than 3 seeds lie next to it" in the_finding(verification).message


def test_another_seed_under_this_name_is_within_seed_noise(tiny: ck.Splits, tmp_path: Path) -> None:
    folder = scored(tmp_path / "run", tiny)
    rewrite(folder / "run.json", lambda about: about.update(seed=1))
    verification = ck.verify(folder, tiny, retrain=True)
    assert verification.repeated == "within seed noise"
    assert verification.passed
    found = the_finding(verification).message
    assert "because fewer than 3 seeds lie next to it" in found
    assert "equal bits were expected" in found


def test_on_another_processor_the_same_bits_are_not_expected(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    def elsewhere(about: dict[str, Any]) -> None:
        about.update(seed=1)
        about["facts"]["environment"]["cpu"] = "another maker's"

    folder = scored(tmp_path / "run", tiny)
    rewrite(folder / "run.json", elsewhere)
    found = the_finding(ck.verify(folder, tiny, retrain=True)).message
    assert found.startswith("within seed noise")
    assert "equal bits" not in found


def test_seed_noise_is_measured_on_the_runs_beside(tiny: ck.Splits, tmp_path: Path) -> None:
    folders = [scored(tmp_path / str(seed), tiny, seed=seed, epochs=1) for seed in range(4)]
    scored(tmp_path / "another recipe", tiny, seed=7)
    shutil.copytree(folders[1], tmp_path / "1 again")
    (tmp_path / "file").write_text("no run")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    about = RunFolder(folders[0]).about()
    accuracies = [ck.TestPredictions.load(folder).accuracy for folder in folders[1:]]
    assert sorted(sibling_accuracies(folders[0], about)) == sorted(accuracies)
    rewrite(folders[0] / "run.json", lambda about: about.update(seed=9))
    verification = ck.verify(folders[0], tiny, retrain=True)
    assert "over 3 runs next to it" in the_finding(verification).message


CALLBACKS: dict[str, Callable[[], list[ck.Callback]]] = {
    "early stopping": lambda: [ck.EarlyStopping("val_accuracy", patience=1, min_delta=0.2)],
    "gradient clipping": lambda: [ck.GradientClip(0.1)],
}


@pytest.mark.parametrize("which", CALLBACKS)
def test_cifarkit_s_own_callbacks_are_repeated(which: str, tiny: ck.Splits, tmp_path: Path) -> None:
    class Watch(ck.Callback):
        """Foreign, but it only looks; what it prints is no Python."""

        def __repr__(self) -> str:
            return "<watching>"

    folder = scored(tmp_path / "run", tiny, epochs=5, callbacks=[*CALLBACKS[which](), Watch()])
    alone = ck.train("linear", tiny, epochs=5)
    assert not torch.equal(
        next(ck.load_run(folder).model.parameters()), next(alone.model.parameters())
    )
    assert ck.verify(folder, tiny, retrain=True).repeated == "bitwise equal"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"processes": 2}, "2 processes"),
        ({"intervening": ["their.code.Mixer"]}, "Mixer may have changed"),
        ({"status": "stopped", "stopped": "enough"}, r"a callback unknown here .*enough"),
    ],
)
def test_what_the_record_cannot_repeat_is_said_and_does_not_pass(
    change: dict[str, Any], reason: str, tiny: ck.Splits, tmp_path: Path
) -> None:
    folder = scored(tmp_path / "run", tiny)
    rewrite(folder / "run.json", lambda about: about["facts"].update(change))
    assert ck.verify(folder, tiny).passed
    verification = ck.verify(folder, tiny, retrain=True)
    assert verification.repeated == "not repeatable"
    assert not verification.passed
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(the_finding(verification).message)


def test_a_training_that_fails_is_a_finding(tiny: ck.Splits, tmp_path: Path) -> None:
    folder = scored(tmp_path / "run", tiny)
    early = {"kind": qualified_name(ck.EarlyStopping()), "fields": {"patience": 0}}
    rewrite(
        folder / "run.json",
        lambda about: about["facts"].update(listeners=[early], callbacks=[early["kind"]]),
    )
    verification = ck.verify(folder, tiny, retrain=True)
    assert not verification.passed
    assert "training it again failed" in the_finding(verification).message
    assert verification.repeated is None


def test_a_folder_that_fails_already_is_not_trained_again(tiny: ck.Splits, tmp_path: Path) -> None:
    folder = scored(tmp_path / "run", tiny)
    rewrite(folder / "run.json", lambda about: about["facts"]["test"].update(accuracy=1.0))
    assert ck.verify(folder, tiny, retrain=True).repeated is None


def test_groups_are_read_from_the_record(tiny: ck.Splits, tmp_path: Path) -> None:
    groups = ck.Group("0.*", lr_scale=0.5, frozen_epochs=1), ck.Group("[14].*", frozen_epochs="all")
    ck.train("batchnorm", tiny, epochs=2, batch_size=64, groups=groups, run_dir=tmp_path / "run")
    run = ck.load_run(tmp_path / "run")
    assert run.recipe.groups == groups
    ck.score_on_test(run, tiny)
    verification = ck.verify(tmp_path / "run", tiny, retrain=True)
    assert (verification.repeated, verification.passed) == ("bitwise equal", True)

    def forget(about: dict[str, Any]) -> None:
        del about["recipe"]["groups"]

    rewrite(tmp_path / "run" / "run.json", forget)
    assert ck.load_run(tmp_path / "run").recipe.groups == ()
    assert ck.verify(tmp_path / "run", tiny, retrain=True).repeated != "bitwise equal"
