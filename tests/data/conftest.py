"""A small archive, and a server on the loopback that gives it, or does not."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from cifarkit.data import http_source
from cifarkit.data.archives import Archive

Answer = Callable[[socket.socket, int], None]
MEMBERS = {"train": b"pictures" * 40, "test": b"other pictures" * 20, "meta": b"names"}


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


class Server:
    """Answers each path in its own way, and keeps what was asked for."""

    def __init__(self, whole: bytes) -> None:
        self.whole = whole
        self.asked: list[tuple[str, int]] = []  # the path, and the byte to begin at
        self.answers: dict[str, Answer] = {}
        self._done = threading.Event()
        self._held: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.05)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def url(self, path: str, answer: Answer) -> str:
        """Give an address that is answered in this way."""
        self.answers[path] = answer
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/{path}"

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        for connection in [*self._held, self._listening]:
            connection.close()

    def _serve(self) -> None:
        while not self._done.is_set():
            try:
                connection, _ = self._listening.accept()
            except TimeoutError:
                continue
            self._held.append(connection)
            connection.settimeout(2)
            head = connection.recv(4_096).decode()
            path = head.split(" ")[1].removeprefix("/")
            start = int(head.partition("Range: bytes=")[2].partition("-")[0] or 0)
            self.asked.append((path, start))
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked may be gone
                self.answers[path](connection, start)

    def respond(
        self, content: bytes, *, status: str = "200 OK", length: int | None = None, **fields: str
    ) -> Answer:
        """Answer with this content in full, wherever one wishes to begin."""

        def answer(connection: socket.socket, start: int) -> None:
            claimed = len(content) if length is None else length
            lines = [f"HTTP/1.1 {status}", f"Content-Length: {claimed}", "Connection: close"]
            lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + content)
            connection.close()

        return answer

    def resume(self, upto: int | None = None, content: bytes | None = None) -> Answer:
        """Answer as a good server does, from the byte that is wished for on, or cut it off."""

        def answer(connection: socket.socket, start: int) -> None:
            whole = self.whole if content is None else content
            size = len(whole)
            headers = {"Content_Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
            self.respond(
                whole[start:upto],
                status="206 Partial Content" if start else "200 OK",
                length=size - start,
                **headers,
            )(connection, start)

        return answer

    def stall(self, after: int | None = None) -> Answer:
        """Say nothing, or nothing more after some bytes, and hold the line."""

        def answer(connection: socket.socket, start: int) -> None:
            if after is not None:
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.whole)}\r\n\r\n"
                connection.sendall(head.encode() + self.whole[:after])

        return answer


@pytest.fixture
def whole() -> bytes:
    """Return a small archive."""
    return tar_of({f"pictures/{name}": content for name, content in MEMBERS.items()})


@pytest.fixture
def archive(whole: bytes) -> Archive:
    """Describe the small archive; nobody has it yet."""
    return Archive(
        title="CIFAR-0",
        name="cifar0",
        file="cifar-0.tar.gz",
        bytes=len(whole),
        md5=hashlib.md5(whole, usedforsecurity=False).hexdigest(),
        folder="pictures",
        members=tuple(MEMBERS),
        sources=(),
    )


@pytest.fixture
def server(whole: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve on the loopback, for clients that have little patience."""
    monkeypatch.setattr(http_source, "ANSWER", 0.4)
    monkeypatch.setattr(http_source, "SILENCE", 0.3)
    monkeypatch.setenv("no_proxy", "*")
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    serving = Server(whole)
    yield serving
    serving.close()


@pytest.fixture
def having(archive: Archive, server: Server) -> Callable[..., Archive]:
    """Return the small archive with these sources, each named for its index: `0`, `1`, …"""

    def make(*answers: Answer) -> Archive:
        urls = [server.url(str(index), answer) for index, answer in enumerate(answers)]
        return replace(archive, sources=tuple(urls))

    return make
