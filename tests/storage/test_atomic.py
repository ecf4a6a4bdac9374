"""A file is written whole or not at all, whichever step fails."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.storage.atomic import atomic_path, check_new, write_bytes, write_text

OLD, NEW = b"old", b"new and longer"
FAULTS = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS]


def test_a_name_that_is_taken_is_refused_and_so_is_a_link_that_leads_nowhere(
    tmp_path: Path,
) -> None:
    taken = [tmp_path / name for name in ("file", "folder", "link")]
    taken[0].write_bytes(OLD)
    taken[1].mkdir()
    taken[2].symlink_to(tmp_path / "nowhere")
    for path in taken:
        with pytest.raises(ck.RunFolderError, match=f"'{path}' exists already.*another --output"):
            check_new(path, otherwise="--output")
    check_new(tmp_path / "nowhere")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write_plainly(path: Path, content: bytes) -> None:
    """The negative control: no temporary file, no way back."""
    with path.open("wb") as file:
        os.fsync(file.fileno())
        file.write(content)


def survivors(
    write: Callable[[Path, bytes], None], folder: Path, code: int, failing_at: Any
) -> list[tuple[bool, dict[str, bytes]]]:
    """Fail the first operation, the second, … until none is left to fail."""
    found = []
    for turn in count(1):
        path = folder / str(turn) / "kept.bin"
        path.parent.mkdir()
        path.write_bytes(OLD)
        raised = False
        with failing_at(turn, code) as asked:
            try:
                write(path, NEW)
            except OSError:
                raised = True
        found.append((raised, contents(path.parent)))
        if len(asked) < turn:
            return found
    raise AssertionError


@pytest.mark.parametrize("code", FAULTS, ids=errno.errorcode.get)
def test_whichever_operation_fails_the_old_file_stands_and_nothing_is_left_over(
    code: int, tmp_path: Path, failing_at: Any
) -> None:
    found = survivors(write_bytes, tmp_path, code, failing_at)
    assert len(found) > 8  # there is something to fail
    for raised, left in found:
        assert left == {"kept.bin": OLD if raised else NEW}
    assert not found[-1][0]


def test_a_plain_write_does_not_survive_the_same_faults(tmp_path: Path, failing_at: Any) -> None:
    found = survivors(write_plainly, tmp_path, errno.EIO, failing_at)
    assert (True, {"kept.bin": b""}) in found


def test_a_write_cut_off_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "kept.bin"
    path.write_bytes(OLD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))  # the disk fills at 1,000 bytes
    try:
        with pytest.raises(OSError, match="File too large"):
            write_bytes(path, b"x" * 5_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(tmp_path) == {"kept.bin": OLD}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_raises_changes_nothing(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "kept.bin"
    path.write_bytes(OLD)

    def write() -> None:
        with atomic_path(path) as temporary:
            temporary.write_bytes(NEW)
            raise error

    with pytest.raises(error):
        write()
    assert contents(tmp_path) == {"kept.bin": OLD}


def test_the_temporary_file_lies_beside_the_final_one_and_keeps_its_ending(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "curve.png"
    with atomic_path(path) as temporary:
        assert (temporary.parent, temporary.suffix) == (path.parent, ".png")
        assert not path.exists()
        temporary.write_bytes(NEW)
    assert contents(path.parent) == {"curve.png": NEW}


def test_a_file_can_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "file", NEW)
        assert os.umask(0o027) == 0o027  # it is left as it was found
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_a_folder_in_the_way_is_an_os_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "name").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_bytes(tmp_path / "name", NEW)
    assert [path.name for path in tmp_path.iterdir()] == ["name"]


@pytest.mark.parametrize("name", ["plain", "two words.txt", "größe 猫.txt", "CON", "n" * 255, ".x"])
def test_files_of_any_name_are_written(name: str, tmp_path: Path) -> None:
    write_bytes(tmp_path / name, NEW)
    assert contents(tmp_path) == {name: NEW}


def test_text_is_utf8_with_its_line_ends_as_given(tmp_path: Path) -> None:
    write_text(tmp_path / "text", "Größe\r\n猫\n")
    assert (tmp_path / "text").read_bytes() == "Größe\r\n猫\n".encode()


def test_a_system_that_cannot_sync_folders_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, flags: int) -> int:
        raise OSError(errno.EINVAL, "no such thing here")

    with monkeypatch.context() as patch, atomic_path(tmp_path / "file") as temporary:
        temporary.write_bytes(NEW)
        patch.setattr(os, "open", refuse)
    assert contents(tmp_path) == {"file": NEW}
