"""What a run leaves, and what reads it back."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import cifarkit as ck
from cifarkit.models.registry import registry
from cifarkit.training.callback import HOOKS


@pytest.fixture
def folder(tiny: ck.Splits, tmp_path: Path) -> Path:
    path = tmp_path / "a run"
    ck.train("batchnorm", tiny, epochs=2, seed=7, run_dir=path, callbacks=[ck.GradientClip()])
    return path


def test_a_run_comes_back_as_it_was(folder: Path, tiny: ck.Splits) -> None:
    again = ck.train("batchnorm", tiny, epochs=2, seed=7, callbacks=[ck.GradientClip()])
    loaded = ck.load_run(folder)
    assert loaded.recipe == again.recipe
    assert loaded.seed == 7
    assert loaded.classes == tiny.classes
    assert loaded.variant.options == {"batch_norm": True}
    assert loaded.history.columns == again.history.columns
    for name in ("train_loss", "val_accuracy", "gradient_norm"):
        assert loaded.history.column(name) == again.history.column(name)
    for ours, theirs in zip(
        loaded.model.state_dict().values(), again.model.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)
    assert not loaded.model.training


def test_the_folder_is_readable_without_cifarkit(folder: Path) -> None:
    about = json.loads((folder / "run.json").read_text())
    assert about["variant"]["name"] == "batchnorm"
    assert about["recipe"]["optimizer"] == {
        **{"kind": "Adam", "lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0}
    }
    assert about["facts"]["status"] == "finished"
    assert len((folder / "history.csv").read_text().splitlines()) == 3
    assert load_file(folder / "weights.safetensors")["0.weight"].shape == (32, 3, 3, 3)
    assert sorted(path.name for path in folder.iterdir()) == [
        *("checkpoint-final.safetensors", "history.csv", "run.json", "weights.safetensors")
    ]


def test_options_come_back_as_they_were_given(tiny: ck.Splits, tmp_path: Path) -> None:
    narrow = dataclasses.replace(ck.get_variant("baseline"), options={"widths": (4, 8)})
    ck.train(narrow, tiny, epochs=1, run_dir=tmp_path / "run")
    assert ck.load_run(tmp_path / "run").variant.options == {"widths": (4, 8)}


def test_nothing_is_overwritten(folder: Path, tiny: ck.Splits) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ck.RunFolderError, match="already holds a run, and nothing is overwritten"):
        ck.train("linear", tiny, epochs=1, run_dir=folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_of_other_things_is_refused(tiny: ck.Splits, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ck.RunFolderError, match=r"already holds 'thesis.tex'"):
        ck.train("linear", tiny, epochs=1, run_dir=tmp_path)


def test_a_file_in_the_way_is_an_error_before_the_first_epoch(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    for run_dir in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ck.RunFolderError, match="cannot be made"):
            ck.train("linear", tiny, epochs=1, run_dir=run_dir)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_vanishes_is_made_again(tiny: ck.Splits, tmp_path: Path) -> None:
    folder = tmp_path / "run"

    class Vanish(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
            folder.mkdir()
            folder.rmdir()

        def on_epoch_end(self, run: ck.Run) -> None:
            assert not folder.exists()

    ck.train("linear", tiny, epochs=1, batch_size=500, run_dir=folder, callbacks=[Vanish()])
    assert ck.load_run(folder).status == "finished"


@pytest.mark.parametrize("hook", HOOKS)
def test_a_folder_that_vanishes_in_any_hook_costs_no_more_than_what_was_in_it(
    hook: str, tiny: ck.Splits, tmp_path: Path
) -> None:
    folder = tmp_path / "run"

    def vanish(self: ck.Callback, run: ck.Run) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    vanishing = type("Vanishing", (ck.Callback,), {hook: vanish})()
    callbacks = [ck.Checkpoint(every_steps=2), vanishing]
    run = ck.train("linear", tiny, epochs=2, run_dir=folder, callbacks=callbacks)
    assert run.status == "finished"
    assert list(ck.load_run(folder).history) == list(run.history)


def test_a_folder_that_becomes_a_file_is_one_clear_error_and_the_network_is_kept(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    folder = tmp_path / "run"

    class Replace(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            shutil.rmtree(folder)
            folder.write_text("mine")

    model = ck.create_model("linear")
    trainer = ck.Trainer(ck.Recipe(epochs=2), run_dir=folder, callbacks=[Replace()])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ck.RunFolderError, match=r"cannot be written: .*choose another run_dir"):
        trainer.fit(model, tiny)
    assert folder.read_text() == "mine"
    assert not any(torch.equal(before[name], now) for name, now in model.state_dict().items())


@pytest.mark.parametrize("name", ["ünïcode 名前", "a" * 200, "with spaces", "dots..in..it"])
def test_folders_of_any_name_work(name: str, tiny: ck.Splits, tmp_path: Path) -> None:
    ck.train("linear", tiny, epochs=1, run_dir=tmp_path / name)
    assert len(ck.load_run(tmp_path / name).history) == 1


def test_a_name_too_long_for_the_disk_is_one_clear_error(tiny: ck.Splits, tmp_path: Path) -> None:
    with pytest.raises(ck.RunFolderError, match="cannot be made"):
        ck.train("linear", tiny, epochs=1, run_dir=tmp_path / ("a" * 300))


def test_a_network_of_ones_own_is_loaded_by_hand(tiny: ck.Splits, tmp_path: Path) -> None:
    def own() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))

    trainer = ck.Trainer(ck.Recipe(epochs=1), run_dir=tmp_path / "run")
    trained = trainer.fit(own(), tiny).model
    loaded = ck.load_run(tmp_path / "run")
    assert len(loaded.history) == 1
    with pytest.raises(ck.TrainingError, match="without a registered name"):
        _ = loaded.model
    model = own()
    ck.load_weights(model, tmp_path / "run")
    assert torch.equal(model[1].weight, trained[1].weight)


def test_a_variant_that_is_not_registered_here_is_named(tiny: ck.Splits, tmp_path: Path) -> None:
    @ck.register_model("passing")
    def passing(*, num_classes: int = 10) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))

    ck.train("passing", tiny, epochs=1, run_dir=tmp_path / "run")
    del registry._variants["passing"]
    with pytest.raises(ck.UnknownModelError, match=r"trained on 'passing' from .*--import FILE"):
        ck.load_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("run.json", b""),
        ("run.json", b"[]"),
        ("run.json", b"{}"),
        ("run.json", b"\xff\xfe"),
        ("history.csv", b"epoch\nmany\n"),
        ("weights.safetensors", b""),
        ("weights.safetensors", b"\xff" * 64),
    ],
)
def test_a_damaged_file_is_a_typed_error(folder: Path, file: str, content: bytes) -> None:
    (folder / file).write_bytes(content)
    with pytest.raises((ck.RunFolderError, ck.CheckpointError)):
        ck.load_run(folder)


@pytest.mark.parametrize("missing", ["run.json", "weights.safetensors"])
def test_a_missing_file_is_a_typed_error(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises((ck.RunFolderError, ck.CheckpointError), match=missing):
        ck.load_run(folder)


def test_a_format_from_the_future_says_what_to_do(folder: Path) -> None:
    about = json.loads((folder / "run.json").read_text()) | {"format": 99}
    (folder / "run.json").write_text(json.dumps(about))
    with pytest.raises(ck.RunFolderError, match="newer cifarkit"):
        ck.load_run(folder)


def test_weights_of_another_network_are_refused_before_anything_changes(folder: Path) -> None:
    model = ck.create_model("deeper")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ck.CheckpointError, match=r"(?s)missing: .*extra: .*differs: "):
        ck.load_weights(model, folder)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_no_weights_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(ck.CheckpointError, match="there are no weights"):
        ck.load_weights(ck.create_model("linear"), tmp_path)
