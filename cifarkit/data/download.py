"""Fetching an archive: from one source after another, resumed, checked, once for all processes."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent

from filelock import FileLock, Timeout

from cifarkit.data.archives import Archive, md5_of
from cifarkit.data.download_bar import shown
from cifarkit.data.http_source import SourceError, opened
from cifarkit.data.unpacking import unpack
from cifarkit.errors import DataError, DownloadError
from cifarkit.storage.atomic import atomic_path, commit

__all__ = ["fetch", "take"]

# What happens is logged as warnings: those are shown where nobody has set up logging, and nobody
# should sit before a program that is silent for as long as a download takes.
log = logging.getLogger(__name__)

SLOW = 100_000.0  # bytes a second: a source below it is left, while there is another to ask


def fetch(archive: Archive, root: Path) -> None:
    """Have a data set in a folder, unpacked: from its archive there, or from the network.

    What came before the download was cut off lies in a `.part` file; the next source or the
    next call resumes it. The archive has its name only when its MD5 sum is right. Of
    several processes one fetches, and the others wait for it.

    Args:
        archive: what to fetch.
        root: the folder; it is made.

    Raises:
        DownloadError: the network, every source or the disk failed; the message lists other ways.
    """
    path = root / archive.file
    with _explained(archive, root), _alone(archive, root):
        if (root / archive.folder).is_dir():
            return
        if not archive.is_whole(path):
            _download(archive, path)
        unpack(archive, path)


def take(archive: Archive, file: Path, root: Path) -> None:
    """Have a data set in a folder, unpacked, from an archive that was fetched elsewhere.

    Args:
        archive: what the file should be.
        file: the archive; it is copied.
        root: the folder; it is made.

    Raises:
        DataError: the file cannot be read or is not the archive.
        DownloadError: the disk failed.
    """
    try:
        size, found = file.stat().st_size, md5_of(file)
    except OSError as error:
        raise DataError(f"{str(file)!r} cannot be read: {error}") from error
    if found != archive.md5:
        raise DataError(
            f"{str(file)!r} is not {archive.file}: it has {size:,} bytes and the MD5 sum {found}, "
            f"where {archive.bytes:,} and {archive.md5} are right; fetch it again"
        )
    path = root / archive.file
    with _explained(archive, root), _alone(archive, root):
        if not archive.is_whole(path):  # it may be the very file
            with atomic_path(path) as temporary:
                shutil.copyfile(file, temporary)
        if not (root / archive.folder).is_dir():
            unpack(archive, path)


@contextmanager
def _explained(archive: Archive, root: Path) -> Iterator[None]:
    """Turn what goes wrong into one error that says how far it came and what else can be done."""
    try:
        yield
    except DataError:
        raise
    except (OSError, ValueError, SourceError) as error:  # ValueError: a name no folder can have
        there = _size(_part(root / archive.file))
        raise DownloadError(
            f"{archive.title} could not be fetched, {there:,} of {archive.bytes:,} bytes are there "
            "already, and the next attempt resumes from them:\n"
            f"{indent(str(error), '  ')}\nThree ways on:\n"
            f"  put {archive.file}, fetched elsewhere, into {str(root)!r} and try again;\n"
            f"  point root= or $CIFARKIT_DATA to a folder that has {archive.folder} in it;\n"
            "  or practise without it on ck.load_synthetic() (--data synthetic)"
        ) from error


@contextmanager
def _alone(archive: Archive, root: Path) -> Iterator[None]:
    """Let one process at a time do what is inside; the system frees the lock of one that dies."""
    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / f"{archive.file}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("another process fetches %s, this one waits for it", archive.title)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _download(archive: Archive, path: Path) -> None:
    """Ask source after source until one completes the archive.

    Each round must bring a hundredth of the archive, or there is no other.
    """
    part = _part(path)
    while True:
        begin, said = _size(part), []
        for url in archive.sources:
            there = _size(part)
            try:
                _complete(archive, url, part)
            except SourceError as error:
                said.append(f"{url}: {error}")
                if _size(part) != there:  # a source that gave nothing is not worth a line
                    log.warning("%s; left", said[-1])
            else:
                commit(part, path)
                return
        if _size(part) - begin < archive.bytes / 100:
            raise SourceError("\n".join(said))


def _complete(archive: Archive, url: str, part: Path) -> None:
    """Fetch what is missing from one source, and throw all away if its MD5 sum is wrong.

    The mistake may be in what was there before, so the same source is then asked for the whole.
    """
    while True:
        there = _size(part)
        if there < archive.bytes:
            _append(archive, url, part)
        found = md5_of(part)
        if found == archive.md5:
            return
        part.unlink()
        wrong = f"the MD5 sum {found}, not {archive.md5}"
        log.warning("what is in %s has %s; thrown away", part, wrong)
        if not there:
            raise SourceError(f"it gave bytes with {wrong}")


def _append(archive: Archive, url: str, part: Path) -> None:
    """Append to the part what is missing, or begin it anew if this source cannot resume."""
    size = archive.bytes
    least = 0.0 if url == archive.sources[-1] else SLOW
    with opened(url, _size(part), size, least) as (done, blocks):
        log.warning("%s: %s bytes from %s", archive.title, f"{size - done:,}", url)
        try:
            with part.open("ab" if done else "wb") as file, shown(done, size) as move:
                for block in blocks:
                    done += len(block)
                    if done > size:
                        raise SourceError(f"it sends more than {size:,} bytes")
                    file.write(block)
                    move(done)
        except KeyboardInterrupt:
            log.warning(
                "%s: stopped; what came is kept, the next call goes on from it", archive.title
            )
            raise
        if done < size:
            raise SourceError(f"it ended after {done:,} of {size:,} bytes")


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0
