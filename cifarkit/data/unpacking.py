"""Unpack the known files of an archive, and nothing else."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

from cifarkit.data.archives import Archive
from cifarkit.storage.atomic import write_bytes

__all__ = ["unpack"]


def unpack(archive: Archive, path: Path) -> None:
    """Unpack an archive next to itself, atomically: the folder is there whole or not at all.

    Names, owners, permissions and times in the archive are not used: the contents of the known
    files are copied into new ones.

    Args:
        archive: what the file at `path` is, by its MD5 sum.
        path: the archive.

    Raises:
        OSError: the disk is full or cannot be written to.
    """
    known = {f"{archive.folder}/{name}": name for name in archive.members}
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as temporary:
        folder = Path(temporary) / archive.folder
        with tarfile.open(path, "r:gz") as tar:
            for member in tar:
                if member.name in known and (content := tar.extractfile(member)):
                    with content:
                        write_bytes(folder / known[member.name], content.read())
        folder.replace(path.parent / archive.folder)
