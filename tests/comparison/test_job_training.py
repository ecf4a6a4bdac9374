"""Training one job: the data it finds, the sign it obeys, what it says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import cifarkit as ck
from cifarkit.comparison.job_training import STOPPED, SharedFolder, train_job
from cifarkit.comparison.jobs import Job


@pytest.fixture
def shared(tiny: ck.Splits, tmp_path: Path) -> SharedFolder:
    place = SharedFolder(tmp_path)
    place.put_data(tiny)
    return place


def job(shared: SharedFolder, *callbacks: ck.Callback, epochs: int = 1) -> Job:
    variant = ck.Variant(
        "linear", ck.get_variant("linear").builder, recipe=ck.Recipe(epochs=epochs)
    )
    return Job(variant, 0, "cpu", callbacks, shared.path / "run", "key", is_done=False)


@pytest.mark.parametrize("val_size", [0, 40])
def test_the_data_comes_out_as_it_went_in(val_size: int, tmp_path: Path) -> None:
    splits = ck.load_synthetic(n_train=240, n_test=60, val_size=val_size)
    place = SharedFolder(tmp_path)
    place.put_data(splits)
    found = place.take_data()
    assert found.describe() == splits.describe()
    assert found.classes == splits.classes
    assert (found.val is None) == (splits.val is None)
    for part in ("train", "test") + ("val",) * bool(val_size):
        ours, theirs = getattr(found, part), getattr(splits, part)
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.labels, theirs.labels)


def test_new_data_in_the_same_place_is_read_anew(tmp_path: Path) -> None:
    place = SharedFolder(tmp_path)
    for seed in (0, 1):
        splits = ck.load_synthetic(n_train=240, n_test=60, val_size=40, seed=seed)
        place.put_data(splits)
        assert place.take_data().fingerprint == splits.fingerprint


def test_at_the_sign_no_cell_is_begun(shared: SharedFolder) -> None:
    shared.stop_sign.touch()
    assert train_job(job(shared), shared, None).error == STOPPED
    assert not (shared.path / "run").exists()


def test_at_the_sign_a_cell_saves_and_ends_and_goes_on_when_it_is_gone(
    shared: SharedFolder, tiny: ck.Splits
) -> None:
    class Sign(ck.Callback):
        def on_batch_start(self, run: ck.Run) -> None:
            if run.now.epoch == 1 and "resumed" not in run.facts:
                shared.stop_sign.touch()

    with_sign = job(shared, Sign(), epochs=3)
    assert train_job(with_sign, shared, None).error == STOPPED
    assert (shared.path / "run" / "checkpoint.safetensors").exists()
    shared.stop_sign.unlink()
    assert train_job(with_sign, shared, None).error == ""
    run, alone = ck.load_run(shared.path / "run"), ck.train("linear", tiny, epochs=3)
    assert run.facts["resumed"]
    assert all(map(torch.equal, run.model.state_dict().values(), alone.model.state_dict().values()))


def test_an_error_is_told_in_words(shared: SharedFolder) -> None:
    class Raise(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            raise ValueError("no more")

    end = train_job(job(shared, Raise()), shared, None)
    assert end.error.startswith("CallbackError: ")
    assert "no more" in end.error
