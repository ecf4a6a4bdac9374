"""The cache is a convenience: damaged or unwritable, it costs time and one line in the log."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import cifarkit as ck
from cifarkit.data import cache
from cifarkit.data.cache import cached
from cifarkit.storage.tensor_file import save_tensors

Pair = tuple[ck.ImageSet, ck.ImageSet]


def make() -> Pair:
    pictures = torch.arange(4 * 3072).remainder(256).to(torch.uint8).reshape(4, 3, 32, 32)
    whole = ck.ImageSet(pictures, torch.tensor([0, 1, 0, 1]), ("größe", "two words"))
    return whole.subset([0, 1, 2]), whole.subset([3])


class Reader:
    """Count how often the source itself is read."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Pair:
        self.times += 1
        return make()


def same(one: Pair, other: Pair) -> bool:
    return all(
        torch.equal(ours.images, theirs.images)
        and torch.equal(ours.labels, theirs.labels)
        and ours.classes == theirs.classes
        for ours, theirs in zip(one, other, strict=True)
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "on demand" / "cache.safetensors"


def test_the_source_is_read_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read = Reader()
    first, second = cached(path, read), cached(path, read)
    assert read.times == 1
    assert same(first, make())
    assert same(second, make())
    assert caplog.records == []


def write_elsewhere(path: Path, **changes: object) -> None:
    train, test = make()
    parts = {"train.images": train.images, "train.labels": train.labels}
    parts |= {"test.images": test.images, "test.labels": test.labels}
    tensors = {name: changes.get(name, tensor) for name, tensor in parts.items()}
    document = {"classes": changes.get("classes", list(train.classes))}
    save_tensors(path, {n: t for n, t in tensors.items() if t is not None}, document)  # type: ignore[misc]


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "a flipped pixel": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\xaa"),
    "another tool's": lambda path: save_file({"a": torch.ones(1)}, path),
    "a set too few": lambda path: write_elsewhere(path, **{"test.labels": None}),
    "labels out of range": lambda path: write_elsewhere(path, **{"test.labels": torch.tensor([9])}),
    "floats": lambda path: write_elsewhere(path, **{"test.images": torch.ones(1, 3, 32, 32)}),
    "no classes": lambda path: write_elsewhere(path, classes=None),
    "classes that are none": lambda path: write_elsewhere(path, classes=[1, 2]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_anew_with_one_line_in_the_log(
    damage: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read = Reader()
    cached(path, read)
    DAMAGES[damage](path)
    assert same(cached(path, read), make())
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"the cache {path} cannot be read and is made again" in record.getMessage()
    assert same(cached(path, read), make())
    assert read.times == 2
    assert len(caplog.records) == 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
def test_a_cache_that_cannot_be_written_is_done_without(
    code: int, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, "on purpose")

    monkeypatch.setattr(cache, "save_tensors", refuse)
    read = Reader()
    assert same(cached(path, read), make())
    assert same(cached(path, read), make())
    assert read.times == 2
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "cannot be written, the next load is slow again" in caplog.text


def test_a_file_where_the_folder_should_be_is_no_error(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.parent.write_bytes(b"in the way")
    assert same(cached(path, Reader()), make())
    assert path.parent.parent.read_bytes() == b"in the way"
    assert "cannot be written" in caplog.text


def test_a_folder_where_the_file_should_be_is_no_error(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir(parents=True)
    assert same(cached(path, Reader()), make())
    assert list(path.parent.iterdir()) == [path]
    assert "cannot be written" in caplog.text


def test_an_error_of_the_source_goes_through_and_nothing_is_kept(path: Path) -> None:
    def broken() -> Pair:
        raise ck.DataError("the source is damaged")

    with pytest.raises(ck.DataError, match="the source is damaged"):
        cached(path, broken)
    assert not path.exists()
