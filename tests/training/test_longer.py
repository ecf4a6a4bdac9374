"""More epochs for a run that is over: it is the run that was to have them from the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import cifarkit as ck
from cifarkit.training.longer import has_same_rates

SHORT = ck.Recipe(epochs=2, batch_size=64, precision="float32")
WAYS: dict[str, dict[str, Any]] = {
    "constant": {},
    "steps": {"schedule": ck.Step(every=1, factor=0.5)},
    "warmed up": {"schedule": ck.Constant(warmup=1.5)},
    "on a plateau": {"schedule": ck.Plateau(factor=0.5, patience=0, min_delta=9.0)},
    "milestones": {"schedule": ck.MultiStep(milestones=(1, 3), factor=0.5)},
    "torch's": {"optimizer": ck.TorchOptimizer("RAdam", lr=0.01)},
    "a part that thaws after the first run": {
        "groups": ck.Group("[01].*", lr_scale=0.5, frozen_epochs=2)
    },
    "augmented, averaged": {"augment": (ck.AlternatingFlip(), ck.Crop()), "ema_decay": 0.8},
}


def network() -> nn.Module:
    with ck.seeded("weights", 0):
        return nn.Sequential(
            *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.1)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)),
        )


def fit(
    tiny: ck.Splits, epochs: int, folder: Path | None, *, resume: bool = False, **changes: Any
) -> ck.Run:
    stops = ck.EarlyStopping("val_loss", patience=9)  # something to remember
    recipe = SHORT.replace(epochs=epochs, **changes)
    trainer = ck.Trainer(recipe, device="cpu", run_dir=folder, callbacks=[stops])
    return trainer.fit(network(), tiny, resume=resume)


def numbers(run: ck.Run) -> list[dict[str, float]]:
    return [{k: v for k, v in record.items() if k != "seconds"} for record in run.history]


@pytest.mark.parametrize("way", WAYS)
def test_a_finished_run_goes_on_to_more_epochs_bit_for_bit(
    way: str, tiny: ck.Splits, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    assert fit(tiny, 2, folder, **WAYS[way]).status == "finished"
    longer = fit(tiny, 4, folder, resume=True, **WAYS[way])
    whole = fit(tiny, 4, None, **WAYS[way])
    assert numbers(longer) == numbers(whole)
    for one, other in zip(longer.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert longer.facts["resumed"] == ["epoch 3, step 1"]
    assert longer.recipe.epochs == ck.load_run(folder).recipe.epochs == 4
    assert numbers(fit(tiny, 5, folder, resume=True, **WAYS[way])) == numbers(
        fit(tiny, 5, None, **WAYS[way])
    )


def test_a_run_that_was_cut_off_may_be_asked_for_more_epochs_too(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    class Cut(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            run.checkpoint()
            if run.now.epoch == 1:
                raise RuntimeError

    with pytest.raises(ck.CallbackError):
        ck.Trainer(SHORT, run_dir=tmp_path / "run", callbacks=[Cut()]).fit(network(), tiny)
    assert numbers(fit(tiny, 3, tmp_path / "run", resume=True)) == numbers(fit(tiny, 3, None))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"schedule": ck.Cosine()}, r"Cosine\(.*\) spreads its rates over all epochs"),
        ({"schedule": ck.OneCycle(peak=0.01)}, "OneCycle"),
        ({"augment": (ck.GrowingCrop(),)}, r"what \[GrowingCrop\(.*\)\] shows depends on how many"),
    ],
)
def test_a_run_whose_first_epochs_would_have_been_others_is_refused(
    changes: dict[str, Any], why: str, tiny: ck.Splits, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    fit(tiny, 2, folder, **changes)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    said = f"trained for 2 epochs and cannot continue to 4, because {why}.*train again for 4"
    with pytest.raises(ck.CheckpointError, match=said):
        fit(tiny, 4, folder, resume=True, **changes)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_fewer_epochs_and_a_stopped_run_are_refused(tiny: ck.Splits, tmp_path: Path) -> None:
    class Stops(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            run.stop("enough")

    fit(tiny, 2, tmp_path / "run")
    with pytest.raises(ck.CheckpointError, match="epochs: 2 there, 1 here"):
        fit(tiny, 1, tmp_path / "run", resume=True)
    ck.Trainer(SHORT, run_dir=tmp_path / "stopped", callbacks=[Stops()]).fit(network(), tiny)
    with pytest.raises(ck.CheckpointError, match=r"was stopped \(enough\).*without what stopped"):
        fit(tiny, 4, tmp_path / "stopped", resume=True)


def test_without_the_final_checkpoint_there_are_no_more_epochs(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    fit(tiny, 2, tmp_path / "run")
    (tmp_path / "run" / "checkpoint-final.safetensors").unlink()
    with pytest.raises(ck.CheckpointError, match="state of its optimiser was not kept"):
        fit(tiny, 3, tmp_path / "run", resume=True)


def test_a_look_at_test_before_more_epochs_is_counted(tiny: ck.Splits, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    ck.score_on_test(fit(tiny, 1, folder), tiny)
    longer = fit(tiny, 2, folder, resume=True)
    assert not (folder / "test_logits.safetensors").exists()
    assert str(ck.looks_at_test(longer)) == "observed each epoch (1)"
    ck.score_on_test(longer, tiny)
    read = ck.load_run(folder)
    assert [test["n"] for test in (*read.facts["tests_before"], read.facts["test"])] == [60, 60]


def test_a_run_of_a_comparison_keeps_no_state(tiny: ck.Splits, tmp_path: Path) -> None:
    ck.compare(["linear"], tiny, seeds=2, epochs=1, run_dir=tmp_path)
    assert list(tmp_path.glob("*/run.json"))
    assert not list(tmp_path.glob("*/checkpoint*"))


def test_a_training_cut_off_while_it_gets_more_epochs_goes_on(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    class Cut(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            raise RuntimeError

    fit(tiny, 1, tmp_path / "run")
    callbacks = [ck.EarlyStopping("val_loss", patience=9), Cut()]
    trainer = ck.Trainer(SHORT.replace(epochs=3), run_dir=tmp_path / "run", callbacks=callbacks)
    for _ in range(2):  # before the first checkpoint of the new epochs
        with pytest.raises(ck.CallbackError):
            trainer.fit(network(), tiny, resume=True)
    assert numbers(fit(tiny, 3, tmp_path / "run", resume=True)) == numbers(fit(tiny, 3, None))


@pytest.mark.parametrize("schedule", [ck.Constant(), ck.Step(every=2), ck.Constant(warmup=2)])
def test_rates_are_the_same_where_no_formula_knows_the_end(schedule: ck.Schedule) -> None:
    recipe = ck.Recipe(epochs=7, schedule=schedule)
    assert has_same_rates(recipe, 30, steps=11)
    assert not has_same_rates(recipe.replace(schedule=ck.Linear()), 30, steps=11)
