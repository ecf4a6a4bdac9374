"""When memory runs out for real: what is said, what is safe, and how the run goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import cifarkit as ck
from cifarkit.training.engine.out_of_memory import explained_shortage

STARVED = """
import json, pathlib, resource, sys
import torch
import cifarkit as ck

folder, starve = pathlib.Path(sys.argv[1]), sys.argv[2] == "starve"
data = ck.load_synthetic(n_train=240, n_test=60, val_size=40)
NO_LIMIT = resource.RLIM_INFINITY

class Flood(ck.Callback):
    '''Makes one batch of the second epoch 64 times as large, and allows 64 MB for it.'''

    def on_batch_start(self, run):
        if (run.now.epoch, run.now.step) == (1, 2):
            pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
            if starve:
                least = pages * resource.getpagesize() + 2**26
                resource.setrlimit(resource.RLIMIT_AS, (least, NO_LIMIT))
            images, targets = run.now.batch
            run.now.batch = ck.Batch(images.repeat(64, 1, 1, 1), targets.repeat(64))

def train(folder, *callbacks):
    return ck.train("batchnorm", data, epochs=3, batch_size=40, run_dir=folder, resume=True,
                    callbacks=callbacks, device="cpu")

try:
    train(folder / "run", Flood())
except ck.OutOfMemoryError as error:
    resource.setrlimit(resource.RLIMIT_AS, (NO_LIMIT, NO_LIMIT))
    print(json.loads((folder / "run" / "run.json").read_text())["facts"]["status"])
    print(error)
    print(repr(error.__cause__))
    import warnings
    warnings.simplefilter("ignore")  # the callback that intervened is missed aloud
    again, whole = train(folder / "run"), train(folder / "whole")
    print(*again.facts["resumed"], again.history.column("epoch"))
    ours, theirs = again.model.state_dict(), whole.model.state_dict()
    print("same bits", all(torch.equal(ours[name], theirs[name]) for name in ours))
"""


def starved(folder: Path, how: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", STARVED, str(folder), how],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    return done.stdout.splitlines()


@pytest.mark.skipif(sys.platform != "linux", reason="takes its limit from /proc, which Linux has")
def test_memory_that_runs_out_names_the_batch_size_and_costs_an_epoch(tmp_path: Path) -> None:
    status, error, cause, resumed, bits = starved(tmp_path, "starve")
    assert status == "failed"
    assert error.startswith(
        "memory ran out at batch_size=40; try batch_size=20, or --batch-size 20"
    )
    assert f"The run in {str(tmp_path / 'run')!r} is safe" in error
    assert cause.startswith("RuntimeError(")
    assert "can't allocate memory" in cause
    assert resumed == "epoch 2, step 1 [1, 2, 3]"
    assert bits == "same bits True"


@pytest.mark.skipif(sys.platform != "linux", reason="takes its limit from /proc, which Linux has")
def test_with_memory_enough_the_same_training_passes(tmp_path: Path) -> None:
    assert starved(tmp_path, "feed") == []
    assert ck.load_run(tmp_path / "run").status == "finished"


ACCELERATOR_ERROR = getattr(torch, "AcceleratorError", RuntimeError)  # older ones have none


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory"),
        ACCELERATOR_ERROR("CUDA error: out of memory"),  # of a recording, or of a library
        MemoryError(),
    ],
    ids=lambda error: f"{type(error).__name__}: {error}"[:40],
)
def test_every_way_to_say_it_is_understood(error: Exception) -> None:
    told = pytest.raises(ck.OutOfMemoryError, match=r"batch_size=4; try batch_size=2,")
    with told as caught, explained_shortage(4, None):
        raise error
    assert caught.value.__cause__ is error


def test_the_smallest_batch_is_not_halved() -> None:
    told = pytest.raises(ck.OutOfMemoryError, match="batch_size=1; try a smaller network")
    with told, explained_shortage(1, None):
        raise MemoryError


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes do not fit"), ck.TrainingError("out of memory, it says")]
)
def test_any_other_error_passes_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, explained_shortage(4, None):
        raise error
    assert caught.value is error


class Greedy(torch.nn.Module):
    """A network whose training takes more memory than there is."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3072, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried …")
        logits: torch.Tensor = self.layer(images.flatten(1))
        return logits


def test_memory_that_runs_out_at_the_first_batch_is_no_mistake_of_the_network(
    tiny: ck.Splits,
) -> None:
    with pytest.raises(ck.OutOfMemoryError, match="ran out at batch_size=64; try batch_size=32"):
        ck.Trainer(ck.Recipe(epochs=1)).fit(Greedy(), tiny)
