"""Whatever network and disk do: the archive as published, or one error that lists three ways on."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import random
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import cifarkit as ck
from cifarkit.data import download, http_source
from cifarkit.data.archives import Archive
from cifarkit.data.download import fetch, take

NAMES = ["meta", "test", "train"]
SEED = 20261124


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def part_of(archive: Archive, root: Path) -> Path:
    return root / f"{archive.file}.part"


def is_there(archive: Archive, root: Path) -> bool:
    """Return whether the data set is there, all of it, and nothing half beside it."""
    folder = root / archive.folder
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    others = {path.name for path in root.iterdir()} - {f"{archive.file}.lock"}
    return names == NAMES and others == {archive.folder, archive.file} and archive.is_whole(
        root / archive.file
    )  # fmt: skip


def failed(archive: Archive, root: Path) -> str:
    """Fetch in vain, and return what is said."""
    with pytest.raises(ck.DownloadError) as caught:
        fetch(archive, root)
    text = str(caught.value)
    for way in (
        "\nThree other ways:\n  put cifar-0.tar.gz",
        f"into {str(root)!r} and try again",
        "point root= or $CIFARKIT_DATA to a folder that has pictures in it",
        "ck.load_synthetic() (--data synthetic)",
    ):
        assert way in text
    assert f" of {archive.bytes:,} bytes are there" in text
    assert isinstance(caught.value, OSError)
    assert not (root / archive.folder).exists()
    assert not archive.is_whole(root / archive.file)
    return text


def test_an_archive_is_fetched_checked_and_unpacked(
    having: Any, server: Any, whole: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = having(server.resume())
    fetch(archive, tmp_path / "new folder")
    assert is_there(archive, tmp_path / "new folder")
    assert server.asked == [("0", 0)]
    assert caplog.messages == [f"CIFAR-0: {len(whole):,} bytes from {archive.sources[0]}"]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_what_is_there_is_not_fetched_again(having: Any, server: Any, tmp_path: Path) -> None:
    archive = having(server.resume())
    for _ in range(2):
        fetch(archive, tmp_path)
    (tmp_path / archive.file).unlink()  # the unpacked files are enough
    fetch(archive, tmp_path)
    assert len(server.asked) == 1


def test_a_whole_archive_that_lies_there_needs_no_server(
    having: Any, server: Any, whole: bytes, tmp_path: Path
) -> None:
    archive = having(server.stall())
    (tmp_path / archive.file).write_bytes(whole)
    fetch(archive, tmp_path)
    assert is_there(archive, tmp_path)
    assert server.asked == []


def test_a_source_that_fails_is_left_for_the_next_which_goes_on_where_it_ended(
    having: Any, server: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    page = server.respond(b"<html>", Content_Type="text/html")
    missing = server.respond(b"", status="404 Not Found")
    archive = having(server.stall(), page, missing, server.resume(99), server.resume())
    fetch(archive, tmp_path)
    assert is_there(archive, tmp_path)
    assert server.asked == [("0", 0), ("1", 0), ("2", 0), ("3", 0), ("4", 99)]
    assert f"3: it ended after 99 of {archive.bytes:,} bytes; left" in caplog.messages[1]


def test_a_slow_source_is_left_but_the_last_one_is_not(
    having: Any,
    server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(http_source, "WINDOW", 0.0)
    monkeypatch.setattr(download, "SLOW", 1e15)  # a rate that nothing reaches
    archive = having(server.resume(99), server.resume())
    fetch(archive, tmp_path)
    assert "kB a second; left" in caplog.messages[1]
    assert is_there(archive, tmp_path)


def test_sources_that_all_cut_off_are_asked_again_while_it_helps(
    having: Any, server: Any, whole: bytes, tmp_path: Path
) -> None:
    def cut(connection: socket.socket, start: int) -> None:
        server.resume(start + 40)(connection, start)

    archive = having(cut, server.stall())
    fetch(archive, tmp_path)
    assert is_there(archive, tmp_path)
    starts = [start for path, start in server.asked if path == "0"]
    assert starts == list(range(0, len(whole), 40))


def test_rounds_that_bring_nothing_end(having: Any, server: Any, tmp_path: Path) -> None:
    archive = having(server.resume(50), server.respond(b"", status="404 Not Found"))
    text = failed(archive, tmp_path)
    for path, reason in (("0", "it ended after 50 of"), ("1", "HTTP Error 404")):
        assert f"/{path}: {reason}" in text
    assert part_of(archive, tmp_path).stat().st_size == 50
    assert f"50 of {archive.bytes:,} bytes are there" in text
    assert server.asked == [("0", 0), ("1", 50), ("0", 50), ("1", 50)]


def test_a_server_that_cannot_resume_starts_over(
    having: Any, server: Any, whole: bytes, tmp_path: Path
) -> None:
    archive = having(server.respond(whole))
    part_of(archive, tmp_path).write_bytes(b"x" * 50)
    fetch(archive, tmp_path)
    assert is_there(archive, tmp_path)
    assert server.asked == [("0", 50)]


def test_a_body_without_a_length_is_never_longer_than_the_archive(
    having: Any, server: Any, whole: bytes, tmp_path: Path
) -> None:
    def endless(connection: socket.socket, start: int) -> None:
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + whole + b"!" * 100)
        connection.close()

    archive = having(endless)
    assert f"it sends more than {len(whole):,} bytes" in failed(archive, tmp_path)


def flipped(content: bytes, index: int) -> bytes:
    return content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :]


def test_a_wrong_sum_is_thrown_away_and_the_next_source_gives_the_whole(
    having: Any, server: Any, whole: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = server.resume(content=flipped(whole, 60))
    archive = having(wrong, server.resume())
    fetch(archive, tmp_path)
    assert is_there(archive, tmp_path)
    assert server.asked == [("0", 0), ("1", 0)]
    assert md5(flipped(whole, 60)) in caplog.messages[1]


def test_nothing_but_wrong_sums_is_an_error_that_shows_every_sum(
    having: Any, server: Any, whole: bytes, tmp_path: Path
) -> None:
    first, second = flipped(whole, 60), flipped(whole, 61)
    archive = having(server.resume(content=first), server.resume(content=second))
    text = failed(archive, tmp_path)
    assert all(found in text for found in (md5(first), md5(second), archive.md5))
    assert server.asked == [("0", 0), ("1", 0)]
    assert not part_of(archive, tmp_path).exists()


@pytest.mark.parametrize("more", [b"", b"more"])
def test_a_part_that_was_wrong_all_along_is_not_laid_to_a_source(
    more: bytes,
    having: Any,
    server: Any,
    whole: bytes,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    archive = having(server.resume())
    part_of(archive, tmp_path).write_bytes(flipped(whole, 60) + more)
    fetch(archive, tmp_path)
    assert f"{part_of(archive, tmp_path)} has the MD5 sum" in caplog.messages[0]
    assert is_there(archive, tmp_path)
    assert server.asked == [("0", 0)]


def damaged(whole: bytes) -> Iterator[bytes]:
    """Cut the archive, or flip one of its bits, at many places."""
    print("seed", SEED)
    draw = random.Random(SEED)
    for _ in range(25):
        yield whole[: draw.randrange(len(whole))]
        yield flipped(whole, draw.randrange(len(whole)))


def test_a_damaged_archive_is_never_used_and_a_damaged_part_neither(
    having: Any, server: Any, whole: bytes, tmp_path: Path
) -> None:
    archive = having(server.resume())
    for number, content in enumerate(damaged(whole)):
        for path in (Path(archive.file), part_of(archive, Path())):
            root = tmp_path / f"{number}{path.suffix}"
            root.mkdir()
            (root / path).write_bytes(content)
            fetch(archive, root)
            assert is_there(archive, root), (number, path)


def tells(error: Exception, code: int) -> bool:
    """Return whether an error names its reason, or what shutil says of closing it once more."""
    return os.strerror(code) in str(error) or os.strerror(errno.EBADF) in str(error)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
def test_whichever_file_operation_fails_the_next_call_puts_it_right(
    code: int, having: Any, server: Any, tmp_path: Path, failing_at: Any
) -> None:
    archive = having(server.resume())
    faults: list[Exception] = []
    for turn in count(1):
        root = tmp_path / str(turn)
        with failing_at(turn, code) as asked:
            try:
                fetch(archive, root)
            except ck.DownloadError as error:
                faults.append(error)
        path, folder = root / archive.file, root / archive.folder
        assert not path.exists() or archive.is_whole(path)
        assert not folder.exists() or len(list(folder.iterdir())) == 3
        fetch(archive, root)
        assert archive.is_whole(path)
        assert len(list(folder.iterdir())) == 3
        if len(asked) < turn:
            break
    assert len(faults) > 10
    for fault in faults:
        assert tells(fault, code)
        assert f" of {archive.bytes:,} bytes are there" in str(fault)
        assert str(tmp_path) in str(fault)


def test_a_disk_that_fills_up_is_an_error_and_what_came_is_gone_on_from(
    having: Any, server: Any, whole: bytes, tmp_path: Path
) -> None:
    archive = having(server.resume())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # the disk fills at 100 bytes
    try:
        text = failed(archive, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in text
    assert f"100 of {archive.bytes:,} bytes are there" in text
    fetch(archive, tmp_path)
    assert is_there(archive, tmp_path)
    assert server.asked == [("0", 0), ("0", 100)]


def test_a_folder_that_cannot_be_made_is_an_error(having: Any, server: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    failed(having(server.resume()), tmp_path / "file" / "data")
    assert (tmp_path / "file").read_bytes() == b"kept"


CHILD = """
import sys
from pathlib import Path
from cifarkit.data.archives import Archive
from cifarkit.data.download import fetch

assert "torch" not in sys.modules
fetch(eval(sys.argv[1]), Path(sys.argv[2]))
"""


def test_processes_share_one_download(having: Any, server: Any, tmp_path: Path) -> None:
    archive = having(server.resume())
    command = [sys.executable, "-c", CHILD, repr(archive), str(tmp_path)]
    with FileLock(tmp_path / f"{archive.file}.lock"):
        children = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
        for child in children:
            assert child.stderr is not None
            assert "another process fetches CIFAR-0, this one waits" in child.stderr.readline()
    for child in children:
        child.communicate(timeout=60)
    assert [child.returncode for child in children] == [0] * 4
    assert server.asked == [("0", 0)]
    assert is_there(archive, tmp_path)


def test_ctrl_c_keeps_what_came_and_the_next_call_asks_for_the_rest(
    having: Any,
    server: Any,
    whole: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    came: list[int] = []

    @contextmanager
    def interrupted(done: int, size: int) -> Iterator[Callable[[int], None]]:
        def move(done: int) -> None:
            came.append(done)
            raise KeyboardInterrupt

        yield move

    archive = having(server.stall(120), server.resume())
    with monkeypatch.context() as patch:
        patch.setattr(download, "shown", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch(archive, tmp_path)
    assert caplog.messages[-1].endswith("the next call resumes from the bytes so far")
    assert part_of(archive, tmp_path).read_bytes() == whole[: came[0]]
    fetch(replace(archive, sources=archive.sources[1:]), tmp_path)
    assert is_there(archive, tmp_path)
    assert server.asked == [("0", 0), ("1", came[0])]


def test_an_archive_from_elsewhere_is_taken_if_it_is_the_right_one(
    archive: Archive, whole: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "from a friend.tgz"
    file.write_bytes(whole)
    take(archive, file, tmp_path / "data")
    assert is_there(archive, tmp_path / "data")
    assert file.read_bytes() == whole
    take(archive, tmp_path / "data" / archive.file, tmp_path / "data")  # itself
    assert is_there(archive, tmp_path / "data")


def test_an_archive_from_elsewhere_that_is_wrong_changes_nothing(
    archive: Archive, whole: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.tgz"
    for content in (b"", b"no archive", whole[:-1], flipped(whole, 60)):
        file.write_bytes(content)
        with pytest.raises(ck.DataError) as caught:
            take(archive, file, tmp_path / "data")
        assert all(text in str(caught.value) for text in (md5(content), archive.md5, "wrong.tgz"))
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ck.DataError, match="cannot be read"):
            take(archive, path, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_whichever_file_operation_fails_an_archive_from_elsewhere_is_taken_whole_or_not(
    archive: Archive, whole: bytes, tmp_path: Path, failing_at: Any
) -> None:
    file = tmp_path / "archive"
    file.write_bytes(whole)
    faults: list[Exception] = []
    for turn in count(1):
        root = tmp_path / str(turn)
        with failing_at(turn, errno.ENOSPC) as asked:
            try:
                take(archive, file, root)
            except ck.DataError as error:
                faults.append(error)
        assert not (root / archive.file).exists() or archive.is_whole(root / archive.file)
        take(archive, file, root)
        assert archive.is_whole(root / archive.file)
        if len(asked) < turn:
            break
    assert len(faults) > 10
    assert all(tells(fault, errno.ENOSPC) for fault in faults)
