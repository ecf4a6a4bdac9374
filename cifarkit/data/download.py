"""Fetching the CIFAR-10 archive: the one place that goes to the network."""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from cifarkit.data.torchvision_datasets import import_datasets
from cifarkit.errors import DownloadError

__all__ = ["ARCHIVE", "archive_is_whole", "download_cifar10"]

ARCHIVE = "cifar-10-python.tar.gz"
SOURCE = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
PATIENCE = 8.0  # seconds until a server that does not answer counts as out of reach


def archive_is_whole(root: Path) -> bool:
    """Say whether the archive lies in this folder, as its authors published it."""
    datasets = import_datasets()
    path, checksum = root / ARCHIVE, datasets.CIFAR10.tgz_md5
    return bool(datasets.utils.check_integrity(path, checksum))


def download_cifar10(root: Path) -> None:
    """Fetch, verify and unpack the archive into `root/cifar-10-batches-py`, through torchvision.

    Args:
        root: the folder to unpack into.

    Raises:
        DownloadError: the network, the server or the disk failed; the message lists other ways.
    """
    datasets = import_datasets()
    try:
        if not archive_is_whole(root):  # one that lies there is unpacked as it is
            _wait_for_answer(SOURCE)
        with _no_endless_wait():
            datasets.CIFAR10(root, download=True)
    except (OSError, RuntimeError, HTTPException) as error:
        raise DownloadError(
            f"CIFAR-10 could not be fetched from {SOURCE}: {error}. Three ways on: "
            f"put {ARCHIVE}, fetched elsewhere, into {str(root)!r} and try again; "
            "point root= or $CIFARKIT_DATA to a folder that has cifar-10-batches-py in it; "
            "or practise without it on ck.load_synthetic() (--data synthetic)"
        ) from error


@contextmanager
def _no_endless_wait() -> Iterator[None]:
    """Give every connection a time limit for a while: torchvision's own download has none."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _wait_for_answer(url: str) -> None:
    """Return once the server answers at all.

    A look-up of the name can hang below any limit that Python sets; so the question is asked in
    a thread that is left behind.
    """
    answer: list[Exception | None] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=PATIENCE):
                answer.append(None)
        except (OSError, HTTPException, ValueError) as error:  # what answers may be no web server
            if isinstance(error, HTTPError):
                error.close()  # it holds the connection
            answer.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    if not answer:
        raise TimeoutError(f"no answer within {PATIENCE:g} seconds")
    if answer[0] is not None:
        raise answer[0]
