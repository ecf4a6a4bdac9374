"""At every moment there is a whole checkpoint, whatever stops the program that writes it."""

from __future__ import annotations

import errno
import random
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

import cifarkit as ck
from cifarkit.runs.checkpoint import CheckpointFiles


def state(step: int) -> dict[str, Any]:
    return {"step": step, "weights": torch.full((1_000,), float(step))}


def newest(folder: Path) -> int | None:
    """Return the step of the checkpoint that is loaded; it must be whole."""
    found = CheckpointFiles(folder).load()
    if found is None:
        return None
    assert torch.equal(found["weights"], state(found["step"])["weights"])
    return int(found["step"])


def test_the_newest_and_the_one_before_are_kept(tmp_path: Path) -> None:
    files = CheckpointFiles(tmp_path)
    assert files.load() is None
    for step in range(4):
        files.save(state(step))
        assert newest(tmp_path) == step
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("checkpoint-previous.safetensors", "checkpoint.safetensors")
    ]
    (tmp_path / "checkpoint.safetensors").unlink()
    assert newest(tmp_path) == 2
    files.close(keep_final=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
def test_whichever_file_operation_fails_a_checkpoint_is_there(
    code: int, tmp_path: Path, failing_at: Any
) -> None:
    for turn in count(1):
        folder = tmp_path / str(turn)
        files = CheckpointFiles(folder)
        files.save(state(1))
        files.save(state(2))
        raised = False
        with failing_at(turn, code) as asked:
            try:
                files.save(state(3))
            except OSError:
                raised = True
        # A folder that cannot be synced is no error: the file is whole by then.
        assert newest(folder) == (2 if raised else 3)
        assert not list(folder.glob(".*")), "a temporary file is left"
        files.save(state(4))
        assert newest(folder) == 4
        if len(asked) < turn:
            break
    assert turn > 8


SAVES = """
import os, pathlib, random, signal, sys, time
import torch
from cifarkit.runs.checkpoint import CheckpointFiles

torch.set_num_threads(1)
folder, kills, seed, plain = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
chance, lost, step = random.Random(seed), 0, 0

def save(step):
    state = {"step": step, "weights": torch.full((250_000,), float(step))}
    if plain:
        torch.save(state, folder / "plain.pt")
    else:
        CheckpointFiles(folder).save(state)

def load():
    if plain:
        return torch.load(folder / "plain.pt", weights_only=True)
    return CheckpointFiles(folder).load()

save(step)
for _ in range(kills):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        for later in range(step + 1, step + 10_000):
            save(later)
            os.write(writer, b".")
    os.read(reader, 1)  # it has begun
    time.sleep(chance.uniform(0, 0.02))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(writer)
    done = step + 1
    while piece := os.read(reader, 4096):
        done += len(piece)
    os.close(reader)
    try:
        found = load()
        whole = bool((found["weights"] == found["step"]).all())
        lost += not (whole and done <= found["step"] <= done + 1)
        step = found["step"]
    except Exception:
        lost += 1
        save(step)
print(f"{lost} lost")
"""


def killed(folder: Path, kills: int, *, plain: bool) -> int:
    """Kill a program that saves without end, again and again; return how many states were lost."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    done = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-c", SAVES),
            *(str(folder), str(kills), str(seed), str(int(plain))),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr)
    return int(done.stdout.split()[0])


needs_fork = pytest.mark.skipif(
    sys.platform == "win32", reason="kills forked children, which Windows has not"
)


@needs_fork
def test_no_kill_while_saving_loses_a_checkpoint(
    tmp_path: Path, times: Callable[[int, int], int]
) -> None:
    assert killed(tmp_path, times(200, 5_000), plain=False) == 0


@needs_fork
def test_plain_saving_loses_some(tmp_path: Path) -> None:
    """The negative control."""
    assert killed(tmp_path, 40, plain=True) > 0


def test_a_checkpoint_of_a_pickle_is_refused(tmp_path: Path) -> None:
    torch.save(state(1), tmp_path / "checkpoint.safetensors")
    with pytest.raises(ck.CheckpointError, match="no checkpoint can be read"):
        CheckpointFiles(tmp_path).load()
