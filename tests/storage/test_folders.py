"""Where data is kept: as the user says, else where the system keeps such things."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from cifarkit.storage.folders import data_folder, expanded


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CIFARKIT_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_users_cache_folder_is_the_default_and_is_not_made(home: Path) -> None:
    assert data_folder() == home / ".cache" / "cifarkit"
    assert list(home.iterdir()) == []


def test_the_environment_names_another(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIFARKIT_DATA", "~/my data/größe")
    assert data_folder() == home / "my data" / "größe"


def test_an_empty_name_counts_as_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIFARKIT_DATA", "")
    assert data_folder() == home / ".cache" / "cifarkit"


@pytest.mark.parametrize(("named", "parent"), [("/xdg", "/xdg"), ("relative", None), ("", None)])
def test_the_freedesktop_variable_counts_when_it_is_absolute(
    named: str, parent: str | None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    assert data_folder() == (Path(parent) if parent else home / ".cache") / "cifarkit"


def test_a_mac_has_its_own_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert data_folder() == home / "Library" / "Caches" / "cifarkit"


def test_a_user_without_a_home_still_gets_a_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert data_folder() == Path(tempfile.gettempdir()) / "cifarkit"


def test_a_tilde_of_no_ones_home_is_left_as_it_is(home: Path) -> None:
    assert expanded("~/data") == home / "data"
    assert expanded("~no-such-user/data") == Path("~no-such-user/data")
