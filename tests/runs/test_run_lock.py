"""Two programs and one run folder: the second is told at once, and a dead one holds nothing."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from filelock import FileLock

import cifarkit as ck
from cifarkit.training import trainer as trainer_module

HOLDER = """
import pathlib, sys, time
import cifarkit as ck

class Wait(ck.Callback):
    def on_batch_start(self, run):
        if run.now.epoch == 1:
            print("in the second epoch", flush=True)
            time.sleep(3_600)

data = ck.load_synthetic(n_train=240, n_test=60, val_size=40)
ck.train("linear", data, epochs=2, run_dir=sys.argv[1], callbacks=[Wait()], device="cpu")
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give another program that trains in `tmp_path / "run"`, until it is killed."""
    program = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    assert program.stdout is not None
    with program:
        assert program.stdout.readline() == "in the second epoch\n"
        yield program
        program.kill()


@pytest.mark.filterwarnings("ignore:the run resumes")  # the other's callback is missed aloud
def test_the_second_program_is_told_at_once_and_a_killed_one_holds_nothing(
    holder: subprocess.Popen[str], tiny: ck.Splits, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    second = {"epochs": 2, "run_dir": folder, "resume": True, "device": "cpu"}
    told = rf"is being trained by another program \(process {holder.pid}\); wait for its end"
    for _ in range(2):
        with pytest.raises(ck.RunFolderError, match=told):
            ck.train("linear", tiny, **second)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    with pytest.raises(ck.RunFolderError, match="already holds a run"):
        ck.train("linear", tiny, run_dir=folder)
    holder.kill()
    holder.wait()
    assert (folder / ".lock").exists()
    again = ck.train("linear", tiny, **second)
    assert again.facts["resumed"] == ["epoch 2, step 1"]
    whole = ck.train("linear", tiny, epochs=2, device="cpu")
    assert torch.equal(again.model[1].weight, whole.model[1].weight)
    assert sorted(path.name for path in folder.iterdir()) == [
        *("checkpoint-final.safetensors", "history.csv", "run.json", "weights.safetensors")
    ]


@pytest.mark.filterwarnings("ignore:the run resumes")
def test_without_the_lock_both_would_train(
    holder: subprocess.Popen[str],
    tiny: ck.Splits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trainer_module, "run_lock", lambda folder, go_on: contextlib.nullcontext())
    run = ck.train("linear", tiny, epochs=2, run_dir=tmp_path / "run", resume=True, device="cpu")
    assert run.status == "finished"
    assert holder.poll() is None


def test_a_training_within_one_cannot_take_its_folder(tiny: ck.Splits, tmp_path: Path) -> None:
    class Again(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            with pytest.raises(ck.RunFolderError, match=rf"\(process {os.getpid()}\)"):
                ck.train("linear", tiny, epochs=1, run_dir=run.folder, resume=True)

    run = ck.train("linear", tiny, epochs=1, run_dir=tmp_path / "run", callbacks=[Again()])
    assert run.status == "finished"


def test_a_run_that_is_over_is_read_by_as_many_as_like_to(tiny: ck.Splits, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    ck.train("linear", tiny, epochs=1, run_dir=folder)
    with FileLock(folder / ".lock"):
        run = ck.train("linear", tiny, epochs=1, run_dir=folder, resume=True)
    assert run.status == "finished"


@pytest.mark.parametrize("error", [OSError("no locks"), NotImplementedError("no locks")], ids=repr)
def test_where_the_disk_knows_no_locks_there_is_none(
    error: Exception, tiny: ck.Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: FileLock, timeout: float) -> None:
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuse)
    run = ck.train("linear", tiny, epochs=1, run_dir=tmp_path / "run")
    assert ck.load_run(tmp_path / "run").history.columns == run.history.columns


def test_what_is_refused_leaves_no_folder(tiny: ck.Splits, tmp_path: Path) -> None:
    trainer = ck.Trainer(ck.Recipe(epochs=1), run_dir=tmp_path / "run")
    with pytest.raises(ck.ModelContractError, match="no trainable parameters"):
        trainer.fit(ck.create_model("linear").requires_grad_(False), tiny)
    assert not (tmp_path / "run").exists()


def test_a_program_killed_before_its_run_is_there_leaves_the_folder_free(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in (".lock", ".x9kj9lo4.part.json"):
        (folder / name).write_bytes(b"")
    assert ck.train("linear", tiny, epochs=1, run_dir=folder).status == "finished"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("checkpoint-final.safetensors", "history.csv", "run.json", "weights.safetensors")
    ]
