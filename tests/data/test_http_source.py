"""A source gives what it was asked for, or is left with the reason."""

from __future__ import annotations

import socket
import threading
import urllib.request
from typing import Any

import pytest

from cifarkit.data import http_source
from cifarkit.data.http_source import SourceError, opened


def read(url: str, start: int, size: int, least: float = 0.0) -> tuple[int, bytes]:
    with opened(url, start, size, least) as (beginning, blocks):
        return beginning, b"".join(blocks)


def refused(url: str, start: int, size: int, least: float = 0.0) -> str:
    with pytest.raises(SourceError) as caught:
        read(url, start, size, least)
    return str(caught.value)


@pytest.mark.parametrize("start", [0, 1, 77])
def test_a_good_source_gives_the_rest(start: int, server: Any, whole: bytes) -> None:
    url = server.url("good", server.resume())
    assert read(url, start, len(whole)) == (start, whole[start:])
    assert server.asked == [("good", start)]


def test_a_source_that_ignores_the_wish_to_resume_begins_anew(server: Any, whole: bytes) -> None:
    url = server.url("plain", server.respond(whole))
    assert read(url, 77, len(whole)) == (0, whole)


def test_redirects_are_followed_with_the_wish_to_resume(server: Any, whole: bytes) -> None:
    there = server.url("there", server.resume())
    url = server.url("here", server.respond(b"", status="302 Found", Location=there))
    assert read(url, 77, len(whole)) == (77, whole[77:])
    assert server.asked == [("here", 77), ("there", 77)]


def test_redirects_in_a_circle_end(server: Any, whole: bytes) -> None:
    url = server.url("here", server.respond(b"", status="302 Found", Location="/here"))
    assert "redirect" in refused(url, 0, len(whole))


def gibberish(connection: socket.socket, start: int) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    connection.close()


def hang_up(connection: socket.socket, start: int) -> None:
    connection.close()


@pytest.mark.parametrize("start", [0, 77])
def test_a_source_that_fails_is_left_with_the_reason(start: int, server: Any, whole: bytes) -> None:
    page = server.respond(b"<html>please log in</html>", Content_Type="text/html; charset=utf-8")
    answers = {
        "says nothing": (server.stall(), "no answer within 0.4 seconds|timed out"),
        "hangs up": (hang_up, "closed connection|reset"),
        "no web server": (gibberish, "SSH-2.0-OpenSSH"),
        "404": (server.respond(b"", status="404 Not Found"), "HTTP Error 404: Not Found"),
        "500": (server.respond(b"", status="500 Oh"), "HTTP Error 500"),
        "a page": (page, "it sends a web page"),
        "too short": (server.respond(whole[:-9]), f"it offers {len(whole) - 9} bytes"),
        "too long": (server.respond(whole + b"!"), f"it offers {len(whole) + 1} bytes"),
        "another range": (
            server.respond(
                whole[5:], status="206 Partial", Content_Range=f"bytes 5-9/{len(whole)}"
            ),
            "it sends 'bytes 5-9/",
        ),
        "no range": (server.respond(whole[start:], status="206 Partial"), "it sends None"),
    }
    for path, (answer, message) in answers.items():
        text = refused(server.url(path.replace(" ", "-"), answer), start, len(whole))
        assert any(part in text for part in message.split("|")), text


def test_a_source_that_stalls_midway_is_left_and_what_came_is_given(
    server: Any, whole: bytes
) -> None:
    came = []
    with (
        opened(server.url("stalls", server.stall(50)), 0, len(whole), 0.0) as (_, blocks),
        pytest.raises(SourceError, match=r"it sent nothing for 0\.3 seconds"),
    ):
        came.extend(blocks)
    assert b"".join(came) == whole[:50]


def test_a_body_that_is_cut_is_given_as_far_as_it_came(server: Any, whole: bytes) -> None:
    assert read(server.url("cuts", server.resume(99)), 7, len(whole)) == (7, whole[7:99])


def trickle(server: Any) -> Any:
    def answer(connection: socket.socket, start: int) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(server.whole)}\r\n\r\n"
        connection.sendall(head.encode())
        for index in range(len(server.whole)):
            connection.sendall(server.whole[index : index + 1])
        connection.close()

    return answer


def test_a_source_below_the_least_rate_is_left_and_one_above_is_not(
    server: Any, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_source, "WINDOW", 0.0)  # judged at every block
    url = server.url("slow", trickle(server))
    assert "kB a second" in refused(url, 0, len(whole), least=1e15)
    assert read(url, 0, len(whole), least=0.0) == (0, whole)


def test_nobody_listening_is_a_reason(server: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "refused" in refused(f"http://127.0.0.1:{port}/", 0, 9)


def test_a_name_nobody_knows_is_a_reason(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert refused("http://example.org/", 0, 9) == (
        "[Errno -3] Temporary failure in name resolution"
    )


def test_a_look_up_that_hangs_is_not_waited_for(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = threading.Event()

    def hang(*_: object, **__: object) -> None:
        found.wait(20)
        raise socket.gaierror(-3, "at last")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        assert refused("http://example.org/", 0, 9) == "no answer within 0.4 seconds"
    finally:
        found.set()


def test_a_proxy_that_is_misspelt_is_a_reason_too(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("https_proxy", "http://proxy:port")
    monkeypatch.setattr(urllib.request, "_opener", None)  # it keeps the proxies of its first use
    assert "port" in refused("https://example.org/", 0, 9)
