"""Every callback that comes with cifarkit: a sweep for the contract, then each by itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch

import cifarkit as ck

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BUILT_IN: dict[str, Callable[[], ck.Callback]] = {
    "Checkpoint": ck.Checkpoint,
    "EarlyStopping": ck.EarlyStopping,
    "GradientClip": ck.GradientClip,
    "LRFinder": ck.LRFinder,
    "Progress": ck.Progress,
    "TensorBoard": lambda: pytest.importorskip("tensorboard") and ck.TensorBoard("board"),
}
OBSERVERS = ("Checkpoint", "Progress", "TensorBoard")


def test_the_sweep_sweeps_every_callback() -> None:
    ours = [
        name
        for name in ck.__all__
        if isinstance(public := getattr(ck, name), type) and issubclass(public, ck.Callback)
    ]
    assert sorted(ours) == sorted(["Callback", *BUILT_IN])


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_callback_can_be_used_for_one_fit_after_another(
    name: str, tiny: ck.Splits, tmp_path: Path
) -> None:
    callback = BUILT_IN[name]()
    for number in range(2):
        run = ck.train("mlp", tiny, epochs=2, callbacks=[callback], run_dir=tmp_path / str(number))
        assert run.status in ("finished", "stopped")
    first, second = (ck.load_run(tmp_path / number) for number in "01")
    assert torch.equal(first.model[1].weight, second.model[1].weight)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_callback_gives_its_state_and_takes_it_back(
    name: str, tiny: ck.Splits, tmp_path: Path
) -> None:
    used, fresh = BUILT_IN[name](), BUILT_IN[name]()
    ck.train("mlp", tiny, epochs=1, callbacks=[used], run_dir=tmp_path / "run")
    fresh.load_state_dict(used.state_dict())
    assert str(fresh.state_dict()) == str(used.state_dict())


@pytest.mark.parametrize("name", OBSERVERS)
def test_observers_change_no_bit(name: str, tiny: ck.Splits, tmp_path: Path) -> None:
    alone = ck.train("mlp", tiny, epochs=1)
    watched = ck.train(
        "mlp", tiny, epochs=1, callbacks=[BUILT_IN[name]()], run_dir=tmp_path / "run"
    )
    assert torch.equal(alone.model[1].weight, watched.model[1].weight)


class Scripted(ck.Callback):
    """Overwrites the val loss of each epoch, and marks the weights with the epoch's number."""

    def __init__(self, losses: list[float]) -> None:
        self.losses = losses

    def on_epoch_end(self, run: ck.Run) -> None:
        run.history[-1]["val_loss"] = self.losses[run.now.epoch]
        with torch.no_grad():
            run.model[1].bias.fill_(run.now.epoch + 1)


def stopped_run(losses: list[float], tiny: ck.Splits, **options: object) -> ck.Run:
    callbacks = [Scripted(losses), ck.EarlyStopping(**options)]
    return ck.train("linear", tiny, epochs=len(losses), callbacks=callbacks)


def marked_epoch(run: ck.Run) -> float:
    return run.model[1].bias[0].item()


def test_early_stopping_stops_after_its_patience_and_gives_the_best_back(tiny: ck.Splits) -> None:
    run = stopped_run([3.0, 1.0, 2.0, 2.0, 0.5], tiny, patience=2)
    assert len(run.history) == 4
    assert run.stopped == "val_loss has not improved for 2 epochs"
    assert marked_epoch(run) == 2
    assert run.facts["weights_of_epoch"] == 2
    assert run.facts["weights_chosen_by"] == "val_loss"


def test_early_stopping_gives_the_best_back_when_the_epochs_run_out(tiny: ck.Splits) -> None:
    run = stopped_run([3.0, 1.0, 2.0], tiny, patience=5)
    assert (run.stopped, marked_epoch(run)) == (None, 2)


def test_early_stopping_gives_the_best_back_after_an_error(tiny: ck.Splits, tmp_path: Path) -> None:
    class Fails(ck.Callback):
        def on_epoch_start(self, run: ck.Run) -> None:
            if run.now.epoch == 2:
                raise ZeroDivisionError

    callbacks = [Scripted([1.0, 2.0]), ck.EarlyStopping(), Fails()]
    with pytest.raises(ck.CallbackError):
        ck.train("linear", tiny, epochs=3, callbacks=callbacks, run_dir=tmp_path / "run")
    assert marked_epoch(ck.load_run(tmp_path / "run")) == 1


def test_early_stopping_keeps_the_last_weights_when_told_so(tiny: ck.Splits) -> None:
    assert marked_epoch(stopped_run([3.0, 1.0, 2.0], tiny, restore=False)) == 3


def test_early_stopping_wants_more_than_min_delta(tiny: ck.Splits) -> None:
    losses = [3.0, 2.9, 2.8, 2.7]
    assert len(stopped_run(losses, tiny, patience=2, min_delta=0.15).history) == 4
    assert len(stopped_run(losses, tiny, patience=2, min_delta=0.5).history) == 3


def test_nan_is_never_best(tiny: ck.Splits) -> None:
    nan = float("nan")
    assert marked_epoch(stopped_run([nan, 2.0, nan], tiny)) == 2
    assert marked_epoch(stopped_run([nan, nan], tiny)) == 2  # no best: the last stay


def test_higher_is_better_for_accuracy_and_lower_for_loss(tiny: ck.Splits) -> None:
    class Rising(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            run.history[-1]["val_accuracy"] = [0.1, 0.5, 0.3][run.now.epoch]

    stopper = ck.EarlyStopping("val_accuracy")
    ck.train("linear", tiny, epochs=3, callbacks=[Rising(), stopper])
    assert (stopper.best, stopper.best_epoch) == (0.5, 2)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("test_accuracy", "nothing may choose by 'test_accuracy'.*'val_accuracy'"),
        ("test_loss", "nothing may choose by"),
        ("val_los", "did you mean 'val_loss'"),
        ("score", "there will be no column 'score'"),
    ],
)
def test_what_must_not_select_is_refused_before_the_first_batch(
    column: str, text: str, tiny: ck.Splits, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(ck.SelectionError, match=text):
        ck.train(
            "linear", tiny, callbacks=[ck.EarlyStopping(column)], run_dir=folder, track_test=True
        )
    assert not folder.exists()  # so that the mended line runs


def test_without_val_nothing_can_select() -> None:
    data = ck.load_synthetic(n_train=50, n_test=20, val_size=0)
    with pytest.raises(ck.SelectionError, match="val_size=0"):
        ck.train("linear", data, callbacks=[ck.EarlyStopping()])


def test_a_logged_column_can_select_when_it_is_declared(tiny: ck.Splits) -> None:
    class Score(ck.Callback):
        columns = ("score",)

        def on_epoch_end(self, run: ck.Run) -> None:
            run.log("score", [1.0, 3.0, 2.0][run.now.epoch])

    stopper = ck.EarlyStopping("score")
    ck.train("linear", tiny, epochs=3, callbacks=[Score(), stopper])
    assert (stopper.best, stopper.best_epoch) == (3.0, 2)
    with pytest.raises(ck.TrainingError, match="put the callback that logs it before"):
        ck.train("linear", tiny, epochs=3, callbacks=[ck.EarlyStopping("score"), Score()])


def test_gradients_are_clipped_to_the_norm_and_logged(tiny: ck.Splits) -> None:
    norms: list[float] = []

    class Look(ck.Callback):
        def on_backward_end(self, run: ck.Run) -> None:
            squares = [weight.grad.square().sum() for weight in run.model.parameters()]
            norms.append(math.sqrt(sum(square.item() for square in squares)))

    callbacks = [Look(), ck.GradientClip(0.05), Look()]
    run = ck.train("mlp", tiny, epochs=1, callbacks=callbacks)
    before, after = norms[::2], norms[1::2]
    assert max(after) <= 0.05 * 1.0001 < max(before)
    assert run.history[0]["gradient_norm"] == pytest.approx(sum(before) / len(before), rel=1e-3)


def test_the_lr_finder_puts_the_weights_back_and_stays_below_the_runaway(tiny: ck.Splits) -> None:
    finder = ck.LRFinder(start=1e-6, end=1.0, steps=30)
    run = ck.train("mlp", tiny, epochs=50, callbacks=[finder])
    with ck.seeded("weights", 0):
        untouched = ck.create_model("mlp")
    assert torch.equal(run.model[1].weight, untouched[1].weight)
    assert run.stopped.startswith("LRFinder has seen")
    ratios = [after / before for before, after in zip(finder.rates, finder.rates[1:], strict=False)]
    assert ratios == pytest.approx([1e6 ** (1 / 29)] * len(ratios))
    assert run.facts["weights_of_epoch"] == 0
    lowest = finder.rates[finder.losses.index(min(finder.losses[3:]))]
    assert 1e-5 < finder.suggestion == lowest / 10


def test_the_lr_finder_suggests_nothing_where_nothing_was_learnt(tiny: ck.Splits) -> None:
    finder = ck.LRFinder(start=10.0, end=100.0, steps=10)
    ck.train("mlp", tiny, epochs=2, callbacks=[finder], optimizer=ck.SGD(lr=0.1))
    with pytest.raises(ck.TrainingError, match="never fell below where it began"):
        _ = finder.suggestion


def test_the_lr_finder_stops_when_the_loss_runs_away(tiny: ck.Splits) -> None:
    finder = ck.LRFinder(start=1e-3, end=1e3, steps=100)
    ck.train("mlp", tiny, epochs=50, callbacks=[finder], optimizer=ck.SGD(lr=0.1))
    assert len(finder.losses) < 100
    assert finder.losses[-1] > 4 * min(finder.losses)


def test_a_checkpoint_is_there_before_the_end(tiny: ck.Splits, tmp_path: Path) -> None:
    folder, there = tmp_path / "run", []

    class Look(ck.Callback):
        def on_batch_start(self, run: ck.Run) -> None:
            there.append((folder / "checkpoint.safetensors").exists())

    callbacks = [ck.Checkpoint(every_steps=3), Look()]
    ck.train("linear", tiny, epochs=1, batch_size=40, callbacks=callbacks, run_dir=folder)
    assert there == [False, False, False, True, True]


def test_a_checkpoint_holds_the_weights_of_its_step(tiny: ck.Splits, tmp_path: Path) -> None:
    """They are what `load_weights` gives while the run is not over."""
    folder, compared = tmp_path / "run", []

    class Compare(ck.Callback):
        def on_batch_start(self, run: ck.Run) -> None:
            if run.now.step > 0:
                saved = ck.create_model("linear")
                ck.load_weights(saved, folder)
                compared.append(torch.equal(saved[1].weight, run.model[1].weight))

    callbacks = [ck.Checkpoint(every_seconds=1e-9), Compare()]
    run = ck.train("linear", tiny, epochs=1, callbacks=callbacks, run_dir=folder)
    assert run.status == "finished"
    assert compared == [True, True, True]


def test_the_weights_of_the_best_epoch_are_kept(tiny: ck.Splits, tmp_path: Path) -> None:
    class Spoil(ck.Callback):
        """Make the last epoch the worst."""

        def on_batch_end(self, run: ck.Run) -> None:
            if run.now.epoch == run.recipe.epochs - 1:
                for weight in run.model.parameters():
                    weight.data.zero_()

    folder = tmp_path / "run"
    run = ck.train("mlp", tiny, epochs=6, callbacks=[ck.Checkpoint(), Spoil()], run_dir=folder)
    accuracies = run.history.column("val_accuracy")
    assert accuracies[-1] < max(accuracies)  # or best and last would be the same
    best = ck.create_model("mlp")
    ck.load_weights(best, folder / "best.safetensors")
    assert ck.evaluate(best, tiny.val).accuracy == max(accuracies)


def test_a_checkpoint_needs_a_folder(tiny: ck.Splits) -> None:
    with pytest.raises(ck.TrainingError, match="give run_dir="):
        ck.train("linear", tiny, callbacks=[ck.Checkpoint()])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ck.EarlyStopping(5),
        lambda: ck.EarlyStopping(min_delta="x"),
        lambda: ck.Checkpoint(every_steps=1.5),
        lambda: ck.LRFinder(start="a"),
        lambda: ck.EarlyStopping(patience=0),
        lambda: ck.EarlyStopping(patience=True),
        lambda: ck.EarlyStopping(min_delta=float("nan")),
        lambda: ck.Checkpoint(every_steps=0),
        lambda: ck.Checkpoint(every_seconds=float("inf")),
        lambda: ck.GradientClip(0.0),
        lambda: ck.GradientClip(float("nan")),
        lambda: ck.LRFinder(start=1.0, end=0.1),
        lambda: ck.LRFinder(steps=2),
    ],
)
def test_numbers_out_of_range_are_refused_where_they_are_written(
    wrong: Callable[[], ck.Callback],
) -> None:
    with pytest.raises(ck.TrainingError, match="found"):
        wrong()
