"""Fetch the rest of a file from one source over HTTP, and leave the source when it is slow."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError, URLError

from cifarkit import __version__

__all__ = ["SourceError", "opened"]

ANSWER = 5.0  # seconds until a server that does not answer counts as out of reach
SILENCE = 10.0  # seconds without a byte until a source is left
WINDOW = 20.0  # seconds over which a rate is judged
BLOCK = 1 << 16  # bytes


class SourceError(Exception):
    """A source did not give what it was asked for; the next source may."""


@contextmanager
def opened(url: str, start: int, size: int, least: float) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Ask a source for a file from byte `start` on.

    A source that cannot resume gives the file from its beginning, as HTTP allows.

    Args:
        url: the source.
        start: how many bytes are there already.
        size: how many bytes the whole file has.
        least: the rate, in bytes a second, below which the source is left.

    Yields:
        Where the answer begins, and its blocks.

    Raises:
        SourceError: there is no answer, or it is not this file. Or, while its blocks are read, no
            bytes come for `SILENCE` seconds, or too few of them over `WINDOW` seconds.
    """
    with _answer(url, start) as response:
        yield _beginning(response, start, size), _blocks(response, least)


def _answer(url: str, start: int) -> HTTPResponse:
    """Return the answer of a source, redirects followed.

    Looking up a host name can hang in spite of Python's time limit. So a thread asks, and is
    abandoned when it hangs.
    """
    headers = {"User-Agent": f"cifarkit/{__version__}", "Range": f"bytes={start}-"}
    answers: list[HTTPResponse | Exception] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(url, headers=headers)
            answers.append(urllib.request.urlopen(request, timeout=SILENCE))
        except (OSError, HTTPException, ValueError) as error:  # not every server speaks HTTP
            answers.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ANSWER)
    if not answers:
        raise SourceError(f"no answer within {ANSWER:g} seconds")
    (answer,) = answers
    if isinstance(answer, HTTPResponse):
        return answer
    if isinstance(answer, HTTPError):
        answer.close()  # it holds the connection
    reason = answer.reason if type(answer) is URLError else answer
    raise SourceError(str(reason)) from answer


def _beginning(response: HTTPResponse, start: int, size: int) -> int:
    """Return at which byte an answer begins, after a check of its headers."""
    if response.headers.get_content_type() == "text/html":
        raise SourceError("it sends a web page")
    if response.status == 206:
        sent = response.headers.get("Content-Range")
        if sent != f"bytes {start}-{size - 1}/{size}":
            raise SourceError(f"asked for the bytes from {start} of {size}, it sends {sent!r}")
    else:
        start = 0
    length = response.headers.get("Content-Length")
    if length is not None and length != str(size - start):
        raise SourceError(f"it offers {length} bytes where {size - start} are missing")
    return start


def _blocks(response: HTTPResponse, least: float) -> Iterator[bytes]:
    since, received = time.monotonic(), 0
    while True:
        try:
            block = response.read1(BLOCK)
        except TimeoutError as error:
            raise SourceError(f"it sent nothing for {SILENCE:g} seconds") from error
        except (OSError, HTTPException, ValueError) as error:
            raise SourceError(str(error)) from error
        if not block:
            return
        yield block
        received += len(block)
        seconds = time.monotonic() - since
        if seconds >= WINDOW:
            if received < least * seconds:
                raise SourceError(f"it gave only {received / seconds / 1_000:.1f} kB a second")
            since, received = time.monotonic(), 0
