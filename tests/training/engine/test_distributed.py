"""Several processes that train one network, started as a user would: by torchrun."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch

import cifarkit as ck
from cifarkit.runs.environment import is_first_process
from cifarkit.training.engine.distributed import DistributedContext

if TYPE_CHECKING:
    from pathlib import Path

# The learning rate is small: a larger one multiplies the rounding of sums from step to step, and
# what is left of it at the end is another number on each processor.
SCRIPT = """
import dataclasses, os, pathlib, sys
import cifarkit as ck

data = ck.load_synthetic(n_train=230, n_test=50, val_size=33)
options = {"dropout": 0.0, "widths": (4, 8)}
variant = dataclasses.replace(ck.get_variant("augmented"), options=options)
heard = []

class Listener(ck.Callback):
    def on_batch_end(self, run):
        heard.append(run.now.loss.item())
        if int(os.environ["RANK"]) == STOPPER and len(heard) == 5:
            run.stop("enough")

run = ck.train(
    variant, data, epochs=3, batch_size=32, precision="float32",
    optimizer=ck.SGD(lr=0.02, momentum=0.9, nesterov=True, weight_decay=5e-4),
    loss=ck.CrossEntropy(0.1), sampling=ck.Balanced(), mix=ck.CutMix(),
    callbacks=[Listener(), ck.Checkpoint(), ck.GradientClip(1.0)],
    run_dir=sys.argv[1], track_test=True, device="cpu",
)
ck.train("batchnorm", data, epochs=1, device="cpu")  # a second training in one program
try:
    ck.train("linear", data, batch_size=3, device="cpu")
except ck.TrainingError as error:
    assert "2 processes need at least 4 images in a batch, found 3" in str(error)
told = pathlib.Path(sys.argv[1] + "-told-" + os.environ["RANK"])  # prints would run together
told.write_text(f"heard {len(heard)} {run.stopped}")
"""


def launched(processes: int, *arguments: str, cwd: Path) -> str:
    """Run something under torchrun; return what all processes printed."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    done = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def trained(folder: Path, processes: int, *, stopper: int = -1) -> tuple[list[str], Path]:
    """Run the script; return what each process tells, and the folder of the run."""
    script, run = folder / "script.py", folder / f"run-{processes}-{stopper}"
    script.write_text(SCRIPT.replace("STOPPER", str(stopper)))
    launched(processes, str(script), str(run), cwd=folder)
    told = [folder / f"{run.name}-told-{rank}" for rank in range(processes)]
    return [file.read_text() for file in told], run


def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    told_alone, alone = trained(tmp_path, 1)
    told_both, both = trained(tmp_path, 2)
    steps = 3 * 6 + 3  # 197 images in batches of 32 are 7 steps an epoch
    assert told_alone == [f"heard {steps} None"]
    assert told_both == [f"heard {steps} None"] * 2
    ours, theirs = (_weights(run) for run in (alone, both))
    for name, weight in ours.items():
        torch.testing.assert_close(theirs[name], weight, rtol=1e-3, atol=1e-5)
    assert not all(torch.equal(theirs[name], weight) for name, weight in ours.items())
    records = [list(ck.History.from_csv(run / "history.csv")) for run in (alone, both)]
    for one, two in zip(*records, strict=True):
        assert one.keys() == two.keys()
        for column in one.keys() - {"seconds", "gradient_norm"}:
            assert two[column] == pytest.approx(one[column], rel=1e-3)
    facts = json.loads((both / "run.json").read_text())["facts"]
    assert (facts["processes"], facts["status"]) == (2, "finished")


def _weights(run: Path) -> dict[str, torch.Tensor]:
    from cifarkit.storage.tensor_file import load_tensors

    return load_tensors(run / "weights.safetensors")[0]


def test_a_process_that_stops_stops_all(tmp_path: Path) -> None:
    told, run = trained(tmp_path, 2, stopper=1)
    assert told == ["heard 5 it was stopped in another process", "heard 5 enough"]
    assert json.loads((run / "run.json").read_text())["facts"]["status"] == "stopped"


CUT_OFF = """
import os, pathlib, sys
import cifarkit as ck
from torch import nn

data = ck.load_synthetic(n_train=640, n_test=40, val_size=30)

class Interrupts(ck.Callback):
    def on_batch_end(self, run):
        if run.now.step == run.now.steps_per_epoch - 2:
            run.interrupt()

class HasMore(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(3072, 10), nn.Linear(3, 3)

    def forward(self, images):
        return self.used(images.flatten(1))

def trained(folder, *callbacks):
    recipe = ck.Recipe(epochs=1, precision="float32")
    trainer = ck.Trainer(recipe, run_dir=folder, device="cpu", callbacks=callbacks)
    model = HasMore()
    nn.init.zeros_(model.used.weight)
    nn.init.zeros_(model.used.bias)
    return trainer.fit(model, data, resume=True)

try:
    trained("cut-off", Interrupts())
except KeyboardInterrupt:
    cut, whole = trained("cut-off").history[-1], trained("whole").history[-1]
    told = pathlib.Path("told-" + os.environ["RANK"])
    numbers = [[one[name] for name in one if name != "seconds"] for one in (cut, whole)]
    told.write_text(repr(numbers))
    # At the interpreter's end PyTorch's threads may abort, rarely, and that is not tested here
    # (https://github.com/pytorch/pytorch/issues/190489).
    os._exit(0)
"""


def test_an_epoch_that_was_cut_off_counts_the_images_of_all_processes(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(CUT_OFF)
    launched(2, "script.py", cwd=tmp_path)
    for rank in range(2):
        cut, whole = ast.literal_eval((tmp_path / f"told-{rank}").read_text())
        assert cut == pytest.approx(whole, rel=1e-6)


def test_the_command_line_writes_and_prints_once(tmp_path: Path) -> None:
    told = launched(
        2,
        *("-m", "cifarkit", "train", "linear", "--data", "synthetic", "--epochs", "1"),
        *("--run-dir", "run", "--device", "cpu"),
        cwd=tmp_path,
    )
    assert told.count("test accuracy") == 1
    assert (tmp_path / "run" / "evaluation.json").exists()


def test_the_shares_of_a_batch_are_the_batch() -> None:
    batch = ck.Batch(torch.randn(7, 3, 32, 32), torch.arange(7))
    shares = [DistributedContext(rank, 3).shard(batch) for rank in range(3)]
    assert sorted(torch.cat([share.targets for share in shares]).tolist()) == list(range(7))
    weighed = [
        DistributedContext(rank, 3).rescaled(share.images.mean(), share, batch)
        for rank, share in enumerate(shares)
    ]
    torch.testing.assert_close(sum(weighed) / 3, batch.images.mean())
    unweighed = sum(share.images.mean() for share in shares) / 3
    assert not torch.allclose(unweighed, batch.images.mean(), rtol=1e-6, atol=0)


def test_one_process_is_the_first_and_adds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_first_process()
    batch = ck.Batch(torch.randn(2, 3, 32, 32), torch.arange(2))
    loss = torch.tensor(2.0)
    assert DistributedContext().shard(batch) is batch
    assert DistributedContext().rescaled(loss, batch, batch) is loss
    monkeypatch.setenv("RANK", "1")
    assert is_first_process()  # some other program's
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "here")
    assert not is_first_process()


def test_each_process_leaves_out_other_units() -> None:
    masks = []
    with ck.seeded("anything"):
        for rank in (0, 1, 0):
            DistributedContext(rank, 2).seed_step(torch.device("cpu"), 0, 1, 2)
            masks.append(torch.rand(8))
    assert torch.equal(masks[0], masks[2])
    assert not torch.equal(masks[0], masks[1])


THAWING = """
import dataclasses, os, pathlib, sys
import torch
import cifarkit as ck

data = ck.load_synthetic(n_train=230, n_test=50, val_size=33)
options = {"dropout": 0.0, "widths": (4, 8)}
variant = dataclasses.replace(ck.get_variant("baseline"), options=options)

class Keeps(ck.Callback):
    def on_fit_start(self, run):
        self.states = []
        self.on_epoch_end(run)

    def on_epoch_end(self, run):
        self.states.append({name: w.clone() for name, w in run.model.state_dict().items()})

kept = Keeps()
ck.train(
    variant, data, epochs=2, batch_size=32, precision="float32", device="cpu", callbacks=[kept],
    optimizer=ck.SGD(lr=0.02, momentum=0.9, weight_decay=5e-4),
    groups=ck.Group("[03].*", lr_scale=0.5, frozen_epochs=1),
)
torch.save(kept.states, f"{sys.argv[1]}-{os.environ['RANK']}.pt")
"""


def test_weights_that_thaw_are_trained_together(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(THAWING)
    for processes in (1, 2):
        launched(processes, "script.py", f"of-{processes}", cwd=tmp_path)
    alone, both, other = (torch.load(tmp_path / f"of-{name}.pt") for name in ("1-0", "2-0", "2-1"))
    for states in (alone, both, other):
        for name, first in states[0].items():
            is_frozen = name[:2] in ("0.", "3.")
            assert torch.equal(first, states[1][name]) is is_frozen
            assert not torch.equal(states[1][name], states[2][name])
    for name, weight in both[2].items():
        assert torch.equal(weight, other[2][name])
        torch.testing.assert_close(weight, alone[2][name], rtol=1e-3, atol=1e-5)
