"""The sealed test set: one look, its receipt, and the count of looks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import cifarkit as ck
from cifarkit.runs.test_predictions import TEST_PREDICTIONS


@pytest.fixture
def run(tiny: ck.Splits, tmp_path: Path) -> ck.Run:
    return ck.train("linear", tiny, epochs=1, run_dir=tmp_path / "run")


def test_the_receipt_scores_as_the_network_does(run: ck.Run, tiny: ck.Splits) -> None:
    assert run.folder is not None
    evaluation = ck.score_on_test(run, tiny)
    receipt = ck.TestPredictions.load(run.folder)
    assert receipt.accuracy == evaluation.accuracy == ck.evaluate(run.model, tiny.test).accuracy
    assert receipt.logits.dtype == np.float16
    np.testing.assert_allclose(receipt.logits, evaluation.logits, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(receipt.labels, tiny.test.labels)
    np.testing.assert_array_equal(receipt.correct, evaluation.predicted == evaluation.labels)


def test_the_score_stands_in_the_record_of_the_run(run: ck.Run, tiny: ck.Splits) -> None:
    assert run.folder is not None
    evaluation = ck.score_on_test(run, tiny)
    again = ck.load_run(run.folder)
    assert again.facts["test"]["accuracy"] == evaluation.accuracy
    assert again.facts["test"]["n"] == len(tiny.test)
    assert str(ck.looks_at_test(again)) == "once at the end"


def test_looks_are_counted_by_the_weights_looked_at(run: ck.Run, tiny: ck.Splits) -> None:
    assert str(ck.looks_at_test(run)) == "not looked at"
    ck.score_on_test(run, tiny)
    ck.score_on_test(run, tiny)
    assert ck.looks_at_test(run) == (0, True, False, False)


def test_a_run_that_could_see_test_and_was_stopped_by_own_code_is_flagged(tiny: ck.Splits) -> None:
    class StopOnTest(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            if run.history[-1].get("test_accuracy", 0.0) >= 0:
                run.stop("good enough")

    def looks(track_test: bool, *callbacks: ck.Callback) -> ck.TestAccess:
        return ck.looks_at_test(
            ck.train("linear", tiny, epochs=2, track_test=track_test, callbacks=callbacks)
        )

    assert looks(True, StopOnTest()).flagged
    assert "flagged" in str(looks(True, StopOnTest()))
    assert not looks(False, StopOnTest()).flagged
    assert not looks(True).flagged
    assert not looks(True, ck.EarlyStopping(patience=1, min_delta=1e6)).flagged


class PicksByTest(ck.Callback):
    """Gives back the weights of the first epoch, whatever it was chosen by."""

    def on_fit_end(self, run: ck.Run) -> None:
        run.facts.weights_of_epoch = 1


class LogsTest(ck.Callback):
    columns = ("score",)

    def on_epoch_end(self, run: ck.Run) -> None:
        run.log("score", run.history[-1].get("test_accuracy", 0.0))


@pytest.mark.parametrize(
    ("callbacks", "is_flagged"),
    [
        ([PicksByTest()], True),
        ([LogsTest(), ck.EarlyStopping("score", patience=9)], True),
        ([LogsTest(), ck.EarlyStopping("val_loss", patience=9)], False),
        ([LogsTest()], False),
        ([ck.EarlyStopping("train_loss", patience=9)], False),
    ],
    ids=["own choice", "by an own column", "by val beside an own column", "no choice", "by train"],
)
def test_weights_that_may_be_chosen_by_test_are_flagged(
    callbacks: list[ck.Callback], is_flagged: bool, tiny: ck.Splits
) -> None:
    run = ck.train("linear", tiny, epochs=2, track_test=True, callbacks=callbacks)
    assert ck.looks_at_test(run).flagged is is_flagged
    unseen = ck.train("linear", tiny, epochs=2, callbacks=callbacks)
    assert not ck.looks_at_test(unseen).flagged


def test_a_rate_that_an_own_callback_sets_while_test_is_tracked_is_flagged(
    tiny: ck.Splits,
) -> None:
    class Slower(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            run.state.optimizer.param_groups[0]["lr"] *= run.history[-1].get("test_accuracy", 0.5)

    tracked, sealed = (
        ck.train("linear", tiny, epochs=2, track_test=track, callbacks=[Slower()])
        for track in (True, False)
    )
    assert ck.looks_at_test(tracked).flagged
    assert not ck.looks_at_test(sealed).flagged


def test_looks_are_counted_of_a_run_and_not_of_its_name() -> None:
    with pytest.raises(ck.TrainingError, match=r"found 'runs/a'; ck.load_run reads one"):
        ck.looks_at_test("runs/a")


def test_what_a_first_look_left_is_not_written_over(run: ck.Run, tiny: ck.Splits) -> None:
    assert run.folder is not None
    ck.score_on_test(run, tiny)
    receipt = (run.folder / TEST_PREDICTIONS).read_bytes()
    record = run.folder / "run.json"
    about = json.loads(record.read_text(encoding="utf-8"))
    about["facts"]["test"]["accuracy"] = 0.93
    record.write_text(json.dumps(about), encoding="utf-8")
    edited = ck.load_run(run.folder)
    for weight in edited.model.parameters():
        torch.nn.init.zeros_(weight)
    with pytest.warns(ck.CifarkitWarning, match="keeps the test predictions of other weights"):
        assert ck.score_on_test(edited, tiny).accuracy < 0.5
    assert (run.folder / TEST_PREDICTIONS).read_bytes() == receipt
    assert ck.load_run(run.folder).facts["test"]["accuracy"] == 0.93  # for `verify` to find


def test_test_is_not_looked_at_while_training_lasts(tiny: ck.Splits) -> None:
    class Peep(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            ck.score_on_test(run, tiny)

    with pytest.raises(ck.TrainingError, match="is for a run that is over"):
        ck.train("linear", tiny, epochs=1, callbacks=[Peep()])


def test_other_data_is_refused(run: ck.Run) -> None:
    other = ck.load_synthetic(n_train=200, n_test=50, val_size=20, seed=9)
    with pytest.raises(ck.DataError, match="not what the run was trained on"):
        ck.score_on_test(run, other)


def test_a_run_that_can_be_gone_on_with_is_not_looked_at(tiny: ck.Splits, tmp_path: Path) -> None:
    class Interrupt(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            run.interrupt()

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        ck.train("linear", tiny, epochs=3, run_dir=folder, callbacks=[Interrupt()])
    with pytest.raises(ck.TrainingError, match=r"is interrupted\. Go on with it"):
        ck.score_on_test(ck.load_run(folder), tiny)
    run = ck.train("linear", tiny, epochs=3, run_dir=folder, resume=True)
    ck.score_on_test(run, tiny)
    assert str(ck.looks_at_test(run)) == "once at the end"


@pytest.mark.parametrize("damage", ["deleted", "cut"])
def test_a_receipt_that_is_lost_is_made_anew_with_its_score(
    damage: str, run: ck.Run, tiny: ck.Splits
) -> None:
    assert run.folder is not None
    ck.score_on_test(run, tiny)
    path = run.folder / TEST_PREDICTIONS
    whole = path.read_bytes()
    if damage == "deleted":
        path.unlink()
    else:
        path.write_bytes(whole[:-9])
    run.facts["test"]["accuracy"] += 0.01  # as by the last digits of another machine
    evaluation = ck.score_on_test(run, tiny)
    assert path.read_bytes() == whole
    assert ck.load_run(run.folder).facts["test"]["accuracy"] == evaluation.accuracy
    assert ck.verify(run.folder, tiny).passed


def test_a_second_look_with_other_last_digits_leaves_the_run_verified(
    run: ck.Run, tiny: ck.Splits
) -> None:
    assert run.folder is not None
    ck.score_on_test(run, tiny)
    before = {path: path.read_bytes() for path in run.folder.iterdir() if path.is_file()}
    for weight in run.model.parameters():
        weight.data.mul_(1 + 1e-6)
    ck.score_on_test(run, tiny)  # a warning would be an error
    assert {path: path.read_bytes() for path in before} == before
    assert ck.verify(run.folder, tiny).passed


def test_a_record_that_does_not_say_by_what_its_weights_were_chosen_is_believed(
    tiny: ck.Splits,
) -> None:
    callbacks = [LogsTest(), ck.EarlyStopping("val_loss", patience=9)]
    run = ck.train("linear", tiny, epochs=2, track_test=True, callbacks=callbacks)
    run.facts.weights_chosen_by = None
    assert not ck.looks_at_test(run).flagged
