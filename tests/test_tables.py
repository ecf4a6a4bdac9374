"""Tables: every column on its side, in text, HTML, Markdown and LaTeX alike."""

from __future__ import annotations

import pytest

from cifarkit.tables import Table

ROWS = [("1", "mlp", "50.0 %"), ("10", "baseline", "7.0 %")]
MIXED = Table(("#", "name", "right"), ROWS, align="rlr")


def test_each_column_has_its_side_in_text() -> None:
    assert MIXED.as_text().splitlines() == [
        " #  name       right",
        " 1  mlp       50.0 %",
        "10  baseline   7.0 %",
    ]


def test_each_column_has_the_same_side_elsewhere() -> None:
    assert "| ---: | --- | ---: |" in MIXED.as_markdown()
    assert r"\begin{tabular}{rlr}" in MIXED.as_latex()
    row = MIXED.as_html().partition("<tbody>")[2]
    assert row.count("text-align: right") == 2 * row.count("text-align: left") == 4


def test_the_last_side_is_that_of_all_columns_that_follow() -> None:
    assert Table(("a", "b", "c"), [], align="lr").as_markdown().endswith("| --- | ---: | ---: |")


def test_a_table_without_headings_begins_with_its_rows() -> None:
    assert Table((), [("mlp", "small"), ("wide", "large")], align="l").as_text().splitlines() == [
        "mlp   small",
        "wide  large",
    ]


def test_rows_shown_one_by_one_stand_straight() -> None:
    lines = [Table(("n",), [[n]], align="r", widths=[4]).as_text() for n in ("1", "1000")]
    assert lines == ["   n\n   1", "   n\n1000"]


@pytest.mark.parametrize(("width", "left"), [(30, "abc"), (8, "ac"), (2, "a")])
def test_the_highest_rank_goes_first_and_rank_0_never(width: int, left: str) -> None:
    table = Table(("a", "b", "c"), [["1" * 3] * 3], ranks=(0, 2, 1))
    assert table.as_text(width).splitlines()[0].split() == list(left)
