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

# Progress is logged as warnings, which are shown even where logging is not set up: a program
# should not be silent for as long as a download takes.
log = logging.getLogger(__name__)

SLOW = 100_000.0  # bytes a second: a slower source is left, except the last one


def fetch(archive: Archive, root: Path) -> None:
    """Put an unpacked data set into a folder, from its archive there or from the network.

    A broken download stays in a `.part` file; the next source or the next call resumes it. The
    archive gets its name only when its MD5 sum is right. One of several processes fetches, and
    the others wait for it.

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
    """Put an unpacked data set into a folder, from an archive that was fetched elsewhere.

    Args:
        archive: what the file should be.
        file: the archive; it is copied.
        root: the folder; it is made.

    Raises:
        DataError: the file cannot be read or is not the archive.
        DownloadError: the disk failed.
    """
    try:
        size, md5 = file.stat().st_size, md5_of(file)
    except OSError as error:
        raise DataError(f"{str(file)!r} cannot be read: {error}") from error
    if md5 != archive.md5:
        raise DataError(
            f"{str(file)!r} is not {archive.file}: it has {size:,} bytes and the MD5 sum {md5}, "
            f"and should have {archive.bytes:,} and {archive.md5}; fetch it again"
        )
    path = root / archive.file
    with _explained(archive, root), _alone(archive, root):
        if not archive.is_whole(path):  # it may be the same file
            with atomic_path(path) as temporary:
                shutil.copyfile(file, temporary)
        if not (root / archive.folder).is_dir():
            unpack(archive, path)


@contextmanager
def _explained(archive: Archive, root: Path) -> Iterator[None]:
    """Turn any failure into one error that says what was fetched and what else can be done."""
    try:
        yield
    except DataError:
        raise
    except (OSError, ValueError, SourceError) as error:  # ValueError: a name no folder can have
        fetched = _size(_part(root / archive.file))
        raise DownloadError(
            f"{archive.title} could not be fetched: {fetched:,} of {archive.bytes:,} bytes are "
            "there, and the next attempt resumes from them\n"
            f"{indent(str(error), '  ')}\nThree other ways:\n"
            f"  put {archive.file}, fetched elsewhere, into {str(root)!r} and try again\n"
            f"  point root= or $CIFARKIT_DATA to a folder that has {archive.folder} in it\n"
            "  practise without it on ck.load_synthetic() (--data synthetic)"
        ) from error


@contextmanager
def _alone(archive: Archive, root: Path) -> Iterator[None]:
    """Let one process at a time run the block; the system frees the lock of a process that dies."""
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
    """Try source after source until one completes the archive.

    It stops after a round over all sources that brings less than a hundredth of the archive.
    """
    part = _part(path)
    while True:
        begin, messages = _size(part), []
        for url in archive.sources:
            there = _size(part)
            try:
                _complete(archive, url, part)
            except SourceError as error:
                messages.append(f"{url}: {error}")
                if _size(part) != there:  # a source that gave nothing is not worth a line
                    log.warning("%s; left", messages[-1])
            else:
                commit(part, path)
                return
        if _size(part) - begin < archive.bytes / 100:
            raise SourceError("\n".join(messages))


def _complete(archive: Archive, url: str, part: Path) -> None:
    """Fetch the missing bytes from one source, and delete all if the MD5 sum is wrong.

    The earlier bytes may be the wrong ones, so the same source is then asked for the whole file.
    """
    while True:
        there = _size(part)
        if there < archive.bytes:
            _append(archive, url, part)
        md5 = md5_of(part)
        if md5 == archive.md5:
            return
        part.unlink()
        wrong = f"the MD5 sum {md5}, not {archive.md5}"
        log.warning("%s has %s; deleted", part, wrong)
        if not there:
            raise SourceError(f"it gave bytes with {wrong}")


def _append(archive: Archive, url: str, part: Path) -> None:
    """Append the missing bytes to the part, or begin again if this source cannot resume."""
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
            log.warning("%s: stopped; the next call resumes from the bytes so far", archive.title)
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
