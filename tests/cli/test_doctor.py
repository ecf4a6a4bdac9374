"""What `cifarkit doctor` sees, and what it says against it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cifarkit.cli.doctor import CHECKS

PAIR = "-> python -m pip install --upgrade --force-reinstall torch torchvision"


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data folder in which CIFAR-10 is ready."""
    (tmp_path / "cifar10.safetensors").touch()
    monkeypatch.setenv("CIFARKIT_DATA", str(tmp_path))
    return tmp_path


def words(text: str) -> str:
    return " ".join(text.split())


def test_where_all_is_there_every_check_passes(call: Any, data: Path) -> None:
    status, out, err = call("doctor", "--json")
    assert (status, err) == (0, "")
    findings = json.loads(out)
    assert [one["check"] for one in findings] == list(CHECKS)
    assert {finding["outcome"] for finding in findings} == {"passed"}
    assert findings[-1]["message"] == f"in {data / 'cifar10.safetensors'}"


def test_the_table_fits_a_terminal(call: Any, data: Path) -> None:
    lines = call("doctor").out.splitlines()
    assert max(map(len, lines)) <= 80 + len(str(data))  # a path is not broken
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(CHECKS)


@pytest.mark.parametrize("lies", ["cifar-10-batches-py", "cifar-10-python.tar.gz"])
def test_what_torchvision_has_put_into_data_is_found(lies: str, call: Any) -> None:
    place = Path("data") / lies
    place.mkdir(parents=True) if place.suffix != ".gz" else place.parent.mkdir()
    place.touch()
    ended = call("doctor")
    assert ended.status == 0
    assert str(place) in ended.out


def test_where_cifar_is_nowhere_the_command_that_fetches_it_is_named(call: Any) -> None:
    before = list(Path().rglob("*"))
    status, out, _ = call("doctor")
    assert status == 1
    assert "CIFAR-10 failed neither in" in words(out)
    assert "-> cifarkit data fetch (without a network: --from FILE)" in words(out)
    assert list(Path().rglob("*")) == before
    assert not Path(os.environ["CIFARKIT_DATA"]).exists()


def test_a_broken_torch_is_named_with_the_command_that_mends_it(
    call: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    status, out, _ = call("doctor")
    assert status == 1
    assert "torch failed cannot be imported" in words(out)
    assert words(out).endswith(PAIR)
    assert "torchvision passed" not in words(out)


def test_a_torchvision_of_another_torch_is_named_too(
    call: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    status, out, _ = call("doctor")
    assert status == 1
    assert "torchvision failed does not fit torch" in words(out)
    assert PAIR in words(out)


def test_a_disk_that_is_full_is_named(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 5, 5))
    status, out, _ = call("doctor")
    assert status == 1
    assert "0.00 GB free, and 0.1 GB are needed -> another folder with --run-dir" in words(out)
    assert "set CIFARKIT_DATA to a folder on another disk" in words(out)


def test_a_folder_that_cannot_be_written_is_named(
    call: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    status, out, _ = call("doctor")
    assert status == 1
    assert f"{Path.cwd()} cannot be written" in words(out)


def test_a_run_that_cannot_be_written_is_named(
    call: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise KeyError("torch.uint32")

    monkeypatch.setattr("cifarkit.storage.tensor_file._header", fail)
    status, out, _ = call("doctor")
    assert status == 1
    assert "training failed ended in KeyError: 'torch.uint32'" in words(out)
    assert "-> cifarkit train linear --data synthetic --epochs 1 --debug" in words(out)


def test_the_run_that_is_tried_is_gone_afterwards(
    call: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    status, out, _ = call("doctor")
    assert status == 0
    assert "a small run was written and read again" in words(out)
    assert not list((tmp_path / "temporary").iterdir())
