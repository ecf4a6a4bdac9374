"""Unpacking an archive: the known files and nothing else."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path

from cifarkit.data.archives import Archive
from cifarkit.errors import DataError

__all__ = ["unpack"]

ROOM = 250_000_000  # bytes: each of the archives unpacks to less than 190 million


def unpack(archive: Archive, path: Path) -> None:
    """Unpack an archive beside itself, in one step: the folder is there whole or not at all.

    Names, owners, permissions and times in the archive are not used: the contents of the known
    files are copied into new ones.

    Args:
        archive: what the file at `path` is.
        path: the archive.

    Raises:
        DataError: a known file is missing or is no regular file, or there is too much to unpack.
        OSError: the disk is full or cannot be written to.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as temporary:
        folder = Path(temporary) / archive.folder
        folder.mkdir()
        try:
            with tarfile.open(path, "r:gz") as tar:
                found = {_copied(tar, member, archive, folder) for member in tar}
        except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(f"{str(path)!r} cannot be unpacked: {error}") from error
        missing = set(archive.members) - found
        if missing:
            raise DataError(f"{str(path)!r} has no {sorted(missing)[0]!r} in it")
        folder.replace(path.parent / archive.folder)


def _copied(
    tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Archive, folder: Path
) -> str | None:
    """Copy one file if it is a known one, and return its name."""
    if member.size < 0:  # tarfile would go back by so much, and on for ever
        raise DataError(f"{member.name!r} in {archive.file!r} has a negative size: refused")
    if member.offset_data + member.size > ROOM:
        raise DataError(f"{member.name!r} in {archive.file!r} is too large: refused")
    place, _, name = member.name.rpartition("/")
    if place != archive.folder or name not in archive.members:
        return None
    if not member.isreg():
        raise DataError(f"{member.name!r} in {archive.file!r} is no regular file: refused")
    content = tar.extractfile(member)
    assert content is not None
    with content, (folder / name).open("wb") as file:
        shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())
    return name
