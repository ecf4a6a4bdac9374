"""Memory that stays from step to step. What it gains is measured in the benchmarks."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import pytest

from cifarkit.training.engine.memory import KEEP, USUAL, retained_memory

has_glibc = "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {})


class Library:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def mallopt(self, name: int, value: int) -> int:
        self.asked.append((name, value))
        return 1

    def malloc_trim(self, keep: int) -> None:
        self.asked.append(("trim", keep))


@pytest.mark.skipif(not has_glibc, reason="the C library here is not glibc")
def test_memory_is_kept_in_the_block_and_given_back_after_it_error_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)

    def fails() -> None:
        with retained_memory():
            assert library.asked == [(-3, KEEP), (-1, KEEP)]
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fails()
    assert library.asked[2:] == [(-3, USUAL), (-1, 2 * USUAL), ("trim", 0)]


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    with retained_memory():
        pass


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MALLOC_TRIM_THRESHOLD_", "1000000"),
        ("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=1000000"),
    ],
)
def test_what_the_environment_says_is_left_alone(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    monkeypatch.setenv(name, value)
    with retained_memory():
        pass
    assert library.asked == []


@pytest.mark.skipif(not has_glibc, reason="the C library here is not glibc")
def test_an_older_glibc_takes_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    class Older(Library):
        def mallopt(self, name: int, value: int) -> int:
            super().mallopt(name, value)
            return int(name != -3 or value <= USUAL)

    library = Older()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    with retained_memory():
        assert library.asked == [(-3, KEEP), (-3, USUAL), (-1, KEEP)]
