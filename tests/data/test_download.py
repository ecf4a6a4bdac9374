"""Whatever the network does, the error lists three ways on and nothing half is taken for whole."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

import cifarkit as ck
from cifarkit.data import download
from cifarkit.data.download import ARCHIVE, archive_is_whole, download_cifar10

Answer = Callable[[socket.socket, str], None]
THREE_WAYS = ("Three ways on: put cifar-10-python.tar.gz", "point root= or $CIFARKIT_DATA to",
              "ck.load_synthetic() (--data synthetic)")  # fmt: skip


def archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in ("data_batch_1", "test_batch"):
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    return buffer.getvalue()


WHOLE = archive()
PICTURES = np.zeros((1, 3072), np.uint8)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture(autouse=True)
def small_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torchvision take a small archive for the true one, and wait but a moment."""
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(WHOLE))
    monkeypatch.setattr(CIFAR10, "train_list", [["data_batch_1", md5(b"data_batch_1")]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5(b"test_batch")]])
    monkeypatch.setattr(CIFAR10, "_load_meta", lambda self: None)
    monkeypatch.setattr("pickle.load", lambda file, encoding: {"data": PICTURES, "labels": [0]})
    monkeypatch.setattr(download, "PATIENCE", 0.3)
    monkeypatch.setenv("no_proxy", "*")
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def server(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Serve on the loopback; gives the list of methods asked for."""
    asked: list[str] = []
    done = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.05)
    held: list[socket.socket] = []

    def serve() -> None:
        while not done.is_set():
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                continue
            held.append(connection)
            connection.settimeout(2)
            method = connection.recv(4_096).decode().partition(" ")[0]
            asked.append(method)
            answer(connection, method)

    url = f"http://127.0.0.1:{listening.getsockname()[1]}/{ARCHIVE}"
    monkeypatch.setattr(download, "SOURCE", url)
    monkeypatch.setattr(CIFAR10, "url", url)
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        done.set()
        thread.join()
        for connection in [*held, listening]:
            connection.close()


def respond(content: bytes, *, claimed: int | None = None, status: str = "200 OK") -> Answer:
    def answer(connection: socket.socket, method: str) -> None:
        length = len(content) if claimed is None else claimed
        head = f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + (b"" if method == "HEAD" else content))
        connection.close()

    return answer


def only_when_asked_by_head(after: Answer) -> Answer:
    """Answer the first question well, and the download itself otherwise."""

    def answer(connection: socket.socket, method: str) -> None:
        (respond(b"") if method == "HEAD" else after)(connection, method)

    return answer


def stall(connection: socket.socket, method: str) -> None:
    """Hold the line and say nothing."""


def stall_midway(connection: socket.socket, method: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(WHOLE)}\r\n\r\n"
    connection.sendall(head.encode() + WHOLE[:50])


def stall_after_the_questions(asked: list[str]) -> Answer:
    def answer(connection: socket.socket, method: str) -> None:
        asked.append(method)
        # HEAD is cifarkit's question, the first GET torchvision's, which only looks for redirects.
        if method == "HEAD" or asked.count("GET") == 1:
            respond(WHOLE)(connection, method)
        else:
            stall_midway(connection, method)

    return answer


def gibberish(connection: socket.socket, method: str) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    connection.close()


def hang_up(connection: socket.socket, method: str) -> None:
    connection.close()


def failed(root: Path) -> str:
    """Download in vain, and return what is said."""
    with pytest.raises(ck.DownloadError) as caught:
        download_cifar10(root)
    text = str(caught.value)
    for way in THREE_WAYS:
        assert way in text
    assert download.SOURCE in text
    assert str(root) in text
    assert isinstance(caught.value, OSError)
    assert not (root / "cifar-10-batches-py").exists()
    assert not archive_is_whole(root)
    return text


FAULTS: dict[str, tuple[Answer, str]] = {
    "says nothing": (stall, "no answer within 0.3 seconds|timed out"),
    "hangs up": (hang_up, "closed connection|reset"),
    "is no web server": (gibberish, "SSH-2.0-OpenSSH"),
    "404": (respond(b"", status="404 Not Found"), "404"),
    "500": (respond(b"", status="500 Internal Server Error"), "500"),
    "stalls at the download": (only_when_asked_by_head(stall), "timed out"),
    "stalls midway": (only_when_asked_by_head(stall_midway), "timed out|corrupted"),
    "hangs up at the download": (only_when_asked_by_head(hang_up), "closed connection|reset"),
    "talks gibberish at the download": (only_when_asked_by_head(gibberish), "SSH-2.0-OpenSSH"),
    "cuts the archive": (respond(WHOLE[:-9], claimed=len(WHOLE)), "corrupted"),
    "lies about the length": (respond(WHOLE[:-9]), "corrupted"),
    "sends a web page": (respond(b"<html>please log in</html>"), "corrupted"),
    "flips a bit": (respond(WHOLE[:-1] + bytes([WHOLE[-1] ^ 1])), "corrupted"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_fails_is_one_error_with_three_ways_on(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, said = FAULTS[fault]
    before = socket.getdefaulttimeout()
    with server(answer, monkeypatch) as asked:
        text = failed(tmp_path / "new")
    assert any(part in text for part in said.split("|")), text
    assert asked[0] == "HEAD"
    assert socket.getdefaulttimeout() == before


def test_a_download_that_stalls_midway_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(stall_after_the_questions([]), monkeypatch) as asked:
        assert "timed out" in failed(tmp_path)
    assert asked.count("GET") == 2


def test_nobody_listening_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setattr(download, "SOURCE", f"http://127.0.0.1:{port}/{ARCHIVE}")
    assert "refused" in failed(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_nobody_knows_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "name resolution" in failed(tmp_path)


def test_a_look_up_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = threading.Event()

    def hang(*_: object, **__: object) -> None:
        found.wait(20)
        raise socket.gaierror(-3, "at last")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        assert "no answer within 0.3 seconds" in failed(tmp_path)
    finally:
        found.set()


def test_a_proxy_that_is_misspelt_is_an_error_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("https_proxy", "http://proxy:port")
    failed(tmp_path)


def test_a_whole_archive_is_fetched_and_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(respond(WHOLE), monkeypatch) as asked:
        download_cifar10(tmp_path / "new folder")
    unpacked = tmp_path / "new folder" / "cifar-10-batches-py"
    assert sorted(path.name for path in unpacked.iterdir()) == ["data_batch_1", "test_batch"]
    assert archive_is_whole(tmp_path / "new folder")
    assert asked == ["HEAD", "GET", "GET"]


def test_a_half_archive_left_behind_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ARCHIVE).write_bytes(WHOLE[:-9])
    with server(respond(WHOLE), monkeypatch):
        download_cifar10(tmp_path)
    assert archive_is_whole(tmp_path)
    assert (tmp_path / "cifar-10-batches-py" / "test_batch").is_file()


def test_a_whole_archive_that_lies_there_needs_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ARCHIVE).write_bytes(WHOLE)
    with server(stall, monkeypatch) as asked:
        download_cifar10(tmp_path)
    assert asked == []
    assert (tmp_path / "cifar-10-batches-py" / "test_batch").is_file()


def test_a_folder_that_cannot_be_made_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    with server(respond(WHOLE), monkeypatch):
        failed(tmp_path / "file" / "data")
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_the_default_source_is_the_authors_own_and_torchvisions() -> None:
    assert CIFAR10.url == download.SOURCE
