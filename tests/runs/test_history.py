"""The table of a run."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cifarkit as ck

if TYPE_CHECKING:
    from pathlib import Path

numbers = st.floats(allow_nan=False)
records = st.lists(
    st.fixed_dictionaries(
        {"train_loss": numbers}, optional={"val_loss": numbers, "gradient_norm": numbers}
    ),
    min_size=1,
    max_size=5,
)


@given(rows=records)
def test_a_history_comes_back_from_its_csv_exactly(
    rows: list[dict[str, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    history = ck.History([{"epoch": n + 1, **row} for n, row in enumerate(rows)])
    path = tmp_path_factory.mktemp("history") / "history.csv"
    history.to_csv(path)
    assert list(ck.History.from_csv(path)) == list(history)


def test_a_changed_digit_is_another_history(tmp_path: Path) -> None:
    history = ck.History([{"epoch": 1, "train_loss": 0.1}])
    history.to_csv(tmp_path / "history.csv")
    text = (tmp_path / "history.csv").read_text(encoding="utf-8")
    changed = tmp_path / "changed.csv"
    changed.write_text(text.replace("0.1", "0.10000000000000002"), encoding="utf-8")
    assert list(ck.History.from_csv(changed)) != list(history)


def test_the_csv_is_plain_and_readable_without_cifarkit(tmp_path: Path) -> None:
    ck.History([{"epoch": 1, "lr": 0.1}, {"epoch": 2, "lr": 0.01, "extra": 3.0}]).to_csv(
        tmp_path / "history.csv"
    )
    with (tmp_path / "history.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["epoch", "lr", "extra"],
            ["1", "0.1", ""],
            ["2", "0.01", "3.0"],
        ]


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "marks.csv").write_text("mine")
    with pytest.raises(ck.RunFolderError, match="nothing is overwritten; choose another name"):
        ck.History([{"epoch": 1, "lr": 0.1}]).to_csv(tmp_path / "marks.csv")
    assert (tmp_path / "marks.csv").read_text() == "mine"


def test_a_leading_tilde_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    ck.History([{"epoch": 1, "lr": 0.1}]).to_csv("~/mine.csv")
    assert (tmp_path / "mine.csv").read_text() == "epoch,lr\n1,0.1\n"


def test_a_column_is_nan_where_an_epoch_has_no_number() -> None:
    first, second = ck.History([{"epoch": 1}, {"epoch": 2, "extra": 3.0}]).column("extra")
    assert math.isnan(first)
    assert second == 3.0


def test_an_unknown_column_names_those_there_are() -> None:
    with pytest.raises(
        ck.SelectionError, match=r"no column 'val_los'; did you mean 'val_loss'\? It has epoch, val"
    ):
        ck.History([{"epoch": 1, "val_loss": 1.0}]).column("val_los")


def test_a_history_does_not_share_the_list_it_was_made_from() -> None:
    rows: list[dict[str, float]] = [{"epoch": 1}]
    history = ck.History(rows)
    rows.append({"epoch": 2})
    assert len(history) == 1


def test_a_name_in_brackets_is_a_column() -> None:
    history = ck.History([{"epoch": 1, "val_loss": 2.0}, {"epoch": 2, "val_loss": 1.0}])
    assert history["val_loss"] == history.column("val_loss") == [2.0, 1.0]
    assert history[-1] == {"epoch": 2, "val_loss": 1.0}
    with pytest.raises(ck.SelectionError, match="no column 'loss'; did you mean 'val_loss'"):
        history["loss"]
