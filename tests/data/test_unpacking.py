"""Of an archive only the known files are unpacked, whatever else it holds or pretends to be."""

from __future__ import annotations

import gzip
import io
import os
import random
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

import cifarkit as ck
from cifarkit.data import unpacking
from cifarkit.data.archives import Archive
from cifarkit.data.unpacking import unpack

GOOD = ("train", "test", "meta")
MEMBERS = {"train": b"pictures" * 40, "test": b"other pictures" * 20, "meta": b"names"}


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


# What has no name of ours is passed over; what has one and is no regular file is refused.
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
REFUSED = {
    "link": special("pictures/train", tarfile.SYMTYPE, "../../kept"),
    "hard link": special("pictures/train", tarfile.LNKTYPE, "../kept"),
    "device": special("pictures/train", tarfile.CHRTYPE),
    "block device": special("pictures/train", tarfile.BLKTYPE),
    "pipe": special("pictures/train", tarfile.FIFOTYPE),
    "folder": special("pictures/train", tarfile.DIRTYPE),
}


def tree(root: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }


@pytest.fixture
def place(archive: Archive, tmp_path: Path) -> Path:
    """Return where the archive is to lie, in a folder beside which a file is to be kept."""
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / archive.file


def test_the_known_files_are_unpacked_in_one_folder(
    archive: Archive, whole: bytes, place: Path
) -> None:
    place.write_bytes(whole)
    unpack(archive, place)
    assert sorted(path.name for path in place.parent.iterdir()) == [archive.file, "pictures"]
    assert (place.parent / "pictures" / "meta").read_bytes() == b"names"
    assert (place.parent / "pictures").stat().st_mode & 0o500 == 0o500


@pytest.mark.parametrize("kind", PASSED_OVER)
def test_what_is_not_known_is_passed_over(kind: str, archive: Archive, place: Path) -> None:
    place.write_bytes(tar_with(PASSED_OVER[kind]))
    before = tree(place.parents[1])
    unpack(archive, place)
    new = {name: content for name, content in tree(place.parents[1]).items() if name not in before}
    names = [f"data/pictures/{name}" for name in GOOD]
    assert new == {"data/pictures": None, **dict.fromkeys(names, b"evil")}
    assert before.items() <= tree(place.parents[1]).items()
    assert not Path("/tmp/cifarkit-outside").exists()


@pytest.mark.parametrize("kind", REFUSED)
def test_a_known_name_that_is_no_regular_file_is_refused(
    kind: str, archive: Archive, place: Path
) -> None:
    place.write_bytes(tar_with(REFUSED[kind]))
    before = tree(place.parents[1])
    with pytest.raises(ck.DataError, match=r"'pictures/train' in 'cifar-0.* is no regular file"):
        unpack(archive, place)
    assert tree(place.parents[1]) == before


def test_a_plain_extraction_would_have_changed_the_tree_outside(
    archive: Archive, place: Path
) -> None:
    place.write_bytes(tar_with(PASSED_OVER["above"]))
    with tarfile.open(place) as tar:
        tar.extractall(place.parent, filter="fully_trusted")
    assert (place.parents[1] / "outside").read_bytes() == b"evil"


@pytest.mark.parametrize("name", ["pictures/train", "pictures/unknown"])
def test_a_huge_member_is_refused_from_its_head(name: str, archive: Archive, place: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(regular(name, 10**13), None)
    place.write_bytes(buffer.getvalue())
    before = tree(place.parents[1])
    with pytest.raises(ck.DataError, match=f"'{name}' in 'cifar-0.tar.gz' is too large"):
        unpack(archive, place)
    assert tree(place.parents[1]) == before


@pytest.mark.parametrize("size", [-1, -1024, -(2**70)])
def test_a_member_of_negative_size_is_refused(size: int, archive: Archive, place: Path) -> None:
    head = regular("pictures/train", 0).tobuf(tarfile.GNU_FORMAT)
    field = size.to_bytes(12, "big", signed=True)  # as GNU tar writes what octal digits cannot
    assert field[0] == 0xFF
    head = head[:124] + field + head[136:]
    checksum = 8 * ord(" ") + sum(head[:148]) + sum(head[156:])
    head = head[:148] + b"%06o\0 " % checksum + head[156:]
    place.write_bytes(gzip.compress(head + bytes(1024)))
    with pytest.raises(ck.DataError, match=r"'pictures/train' in 'cifar-0.tar.gz' has a negative"):
        unpack(archive, place)


def test_many_members_that_are_huge_together_are_refused(
    archive: Archive, whole: bytes, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write_bytes(whole)
    monkeypatch.setattr(unpacking, "ROOM", 1_500)  # less than the three with their heads
    with pytest.raises(ck.DataError, match="is too large"):
        unpack(archive, place)
    assert list(place.parent.iterdir()) == [place]


def test_an_archive_cut_anywhere_is_unpacked_whole_or_not_at_all(
    archive: Archive, whole: bytes, place: Path
) -> None:
    folder, refused = place.parent / "pictures", 0
    for size in range(len(whole)):
        place.write_bytes(whole[:size])
        try:
            unpack(archive, place)
        except ck.DataError:
            refused += 1
            assert list(place.parent.iterdir()) == [place]
        else:  # what was cut off is the empty end
            assert {path.name: path.read_bytes() for path in folder.iterdir()} == MEMBERS
            shutil.rmtree(folder)
    assert refused > len(whole) / 2


def test_a_missing_file_is_named(archive: Archive, place: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(regular("pictures/train"), io.BytesIO(b"evil"))
    place.write_bytes(buffer.getvalue())
    with pytest.raises(ck.DataError, match="has no 'meta' in it"):
        unpack(archive, place)


def with_one_head(tar: bytes, chance: random.Random, mangled: Callable[[bytes], bytes]) -> bytes:
    """Mangle one head of an archive and put its checksum right, so that all of it is believed."""
    heads = [at for at in range(0, len(tar), 512) if tar[at + 257 : at + 262] == b"ustar"]
    at = chance.choice(heads)
    head = mangled(tar[at : at + 512])[:512].ljust(512, b"\0")
    checksum = 8 * ord(" ") + sum(head[:148]) + sum(head[156:])
    return b"".join([tar[:at], head[:148], b"%06o\0 " % checksum, head[156:], tar[at + 512 :]])


def untyped(
    extract: Callable[[Archive, Path], object],
    archive: Archive,
    place: Path,
    chance: random.Random,
    mangled: Callable[[bytes], bytes],
    count: int,
) -> int:
    """Mangle archives; return how many are neither refused nor unpacked well.

    Well is: the known files alone, each a regular one, and all else as it was.
    """
    odd = tar_with(*PASSED_OVER.values())  # heads of every kind, to be mangled into one another
    heads, found = gzip.decompress(odd), 0
    before = tree(place.parents[1])
    for number in range(count):
        if number % 8 == 0:
            packed = mangled(odd)
        elif number % 8 == 1:
            packed = gzip.compress(mangled(heads), 1)
        else:
            packed = gzip.compress(with_one_head(heads, chance, mangled), 1)
        place.write_bytes(packed)
        try:
            extract(archive, place)
            new = tree(place.parents[1]).keys() - before.keys()
            found += new != {"data/cifar-0.tar.gz", *KNOWN}
            found += not all((place.parents[1] / name).is_file() for name in KNOWN[1:])
        except ck.DataError:
            found += [path.name for path in place.parent.iterdir()] != [place.name]
        except Exception as error:  # noqa: BLE001  (these are what is looked for)
            print(f"{error!r} from {packed.hex()}")
            found += 1
        found += not before.items() <= tree(place.parents[1]).items()
        shutil.rmtree(place.parent / "pictures", ignore_errors=True)
        assert not archive.is_whole(place)
    return found


KNOWN = ["data/pictures", *(f"data/pictures/{name}" for name in GOOD)]


@pytest.fixture
def no_syncing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug here, and it takes most of the time."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.mark.usefixtures("no_syncing")
def test_mangled_archives_are_unpacked_well_or_refused(
    archive: Archive,
    place: Path,
    times: Callable[[int, int], int],
    chance: random.Random,
    mangled: Callable[[bytes], bytes],
) -> None:
    assert untyped(unpack, archive, place, chance, mangled, times(2_000, 100_000)) == 0


def test_tarfile_alone_gives_other_errors_and_other_files(
    archive: Archive, place: Path, chance: random.Random, mangled: Callable[[bytes], bytes]
) -> None:
    def plain(archive: Archive, path: Path) -> None:
        with tarfile.open(path) as tar:
            tar.extractall(path.parent, filter="data")

    assert untyped(plain, archive, place, chance, mangled, 40) > 0
