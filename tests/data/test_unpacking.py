"""Of an archive only the known files are unpacked, whatever else it holds or pretends to be."""

from __future__ import annotations

import errno
import io
import tarfile
from pathlib import Path

import pytest

from cifarkit.data import unpacking
from cifarkit.data.archives import Archive
from cifarkit.data.unpacking import unpack

GOOD = ("train", "test", "meta")


def regular(name: str, size: int = 4) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def tar_with(*members: tarfile.TarInfo) -> bytes:
    """Pack these members, the regular ones with the content `evil`, and the good ones."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        taken = {member.name for member in members}
        for member in (*members, *(regular(f"pictures/{name}") for name in GOOD)):
            if member in members or member.name not in taken:
                tar.addfile(member, io.BytesIO(b"evil") if member.isreg() else None)
    return buffer.getvalue()


PASSED_OVER = {
    "above": regular("../outside"),
    "far above": regular("pictures/../../outside"),
    "a known name far above": regular("pictures/../../train"),
    "absolute": regular("/tmp/cifarkit-outside"),
    "unknown": regular("pictures/readme.html"),
    "elsewhere": regular("train"),
    "link": special("pictures/link", tarfile.SYMTYPE, "../../kept"),
    "hard link": special("pictures/link", tarfile.LNKTYPE, "kept"),
    "device": special("pictures/null", tarfile.CHRTYPE),
    "pipe": special("pictures/pipe", tarfile.FIFOTYPE),
    "folder that is a link": special("pictures", tarfile.SYMTYPE, ".."),
}


def tree(root: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }


@pytest.fixture
def archive_path(archive: Archive, tmp_path: Path) -> Path:
    """Return where the archive is to lie, in a folder beside which a file is to be kept."""
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / archive.file


def test_the_known_files_are_unpacked_in_one_folder(
    archive: Archive, whole: bytes, archive_path: Path
) -> None:
    archive_path.write_bytes(whole)
    unpack(archive, archive_path)
    assert sorted(path.name for path in archive_path.parent.iterdir()) == [archive.file, "pictures"]
    assert (archive_path.parent / "pictures" / "meta").read_bytes() == b"names"
    assert (archive_path.parent / "pictures").stat().st_mode & 0o500 == 0o500


@pytest.mark.parametrize("kind", PASSED_OVER)
def test_what_is_not_known_is_passed_over(kind: str, archive: Archive, archive_path: Path) -> None:
    archive_path.write_bytes(tar_with(PASSED_OVER[kind]))
    before = tree(archive_path.parents[1])
    unpack(archive, archive_path)
    new = {
        name: content
        for name, content in tree(archive_path.parents[1]).items()
        if name not in before
    }
    names = [f"data/pictures/{name}" for name in GOOD]
    assert new == {"data/pictures": None, **dict.fromkeys(names, b"evil")}
    assert before.items() <= tree(archive_path.parents[1]).items()
    assert not Path("/tmp/cifarkit-outside").exists()


def test_a_file_that_cannot_be_written_leaves_no_folder(
    archive: Archive, whole: bytes, archive_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "on purpose")

    archive_path.write_bytes(whole)
    monkeypatch.setattr(unpacking, "write_bytes", full)
    with pytest.raises(OSError, match="on purpose"):
        unpack(archive, archive_path)
    assert list(archive_path.parent.iterdir()) == [archive_path]
