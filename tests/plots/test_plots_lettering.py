from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from cifarkit.plots.lettering import LEADING, balanced, broken, fitted_labels, width_of

LETTERS = st.text("abcdefgh _-/%", max_size=40)
LONG = tuple(f"{word} of a kind with a very long name" for word in "abcdefghij")


@pytest.mark.parametrize("text", ["automobile", "cat called dog (12 %)", "WWW iii"])
@pytest.mark.parametrize("size", [6.0, 9.0, 11.0])
def test_measured_width_is_what_is_drawn(text: str, size: float) -> None:
    figure = Figure(dpi=300)
    drawn = figure.text(0, 0, text, fontsize=size).get_window_extent().width * 72 / 300
    assert drawn <= width_of(text, size) <= 1.1 * drawn


def test_dollars_are_letters_like_others() -> None:
    assert width_of("$a$", 9) > width_of("a", 9) + width_of("$", 9)


@given(LETTERS, st.floats(20, 300))
def test_breaking_loses_no_letter_and_no_line_is_too_wide(text: str, width: float) -> None:
    lines = broken(text, width, 9)
    assert "".join(lines.split()) == "".join(text.split())
    assert all(width_of(line, 9) <= width for line in lines.split("\n") if "%" not in line)


def test_lines_break_at_spaces_before_they_break_words() -> None:
    assert broken("automobile truck", 1.1 * width_of("automobile", 9), 9) == "automobile\ntruck"


def test_a_word_wider_than_a_line_is_broken_inside() -> None:
    lines = broken("automobile", 0.6 * width_of("automobile", 9), 9).split("\n")
    assert len(lines) == 2
    assert "".join(lines) == "automobile"


def test_a_number_keeps_its_per_cent_sign() -> None:
    width = width_of("cat called dog 17", 9)
    assert broken("cat called dog 17 %", width, 9) == "cat called dog\n17 %"


def test_lines_that_the_text_ends_stay_ended() -> None:
    assert broken("cat\ndog", 500, 9) == "cat\ndog"


def test_short_labels_get_the_largest_type() -> None:
    assert fitted_labels(("cat", "dog"), side=200, across=100) == (["cat", "dog"], 9.0)


@pytest.mark.parametrize("square", [False, True])
def test_long_labels_fit_beside_their_rows(square: bool) -> None:
    names, size = fitted_labels(LONG, side=250, across=110, square=square)
    widest = max(width_of(line, size) for name in names for line in name.split("\n"))
    row = (250 - widest * square) / len(names)
    assert widest <= 110
    assert max(name.count("\n") + 1 for name in names) * size * LEADING <= row
    assert [" ".join(name.split()) for name in names] == list(LONG)


def test_names_that_are_broken_already_are_broken_anew() -> None:
    labels = fitted_labels(["big\ncat\n", "a\ndog"], side=200, across=200)
    assert [name.rstrip() for name in labels.names] == ["big cat", "a dog"]


@pytest.mark.parametrize(
    "title",
    [
        "13 of these 25 are right; of all 1,000 images 47.6 %. Drawn at random",
        "The 25 largest losses: 2.5 % of the images, 8.1 % of the whole loss",
        "cat called dog (12.0 %)\ndog called cat by mistake, and more than once (4.0 %)",
    ],
)
@pytest.mark.parametrize("width", [150.0, 220.0, 330.0])
def test_balanced_lines_are_as_few_and_none_is_an_orphan(title: str, width: float) -> None:
    lines = balanced(title, width, 11, "bold").split("\n")
    assert " ".join(lines) == " ".join(title.split())
    assert len(lines) == broken(title, width, 11, "bold").count("\n") + 1
    assert all(width_of(line, 11, "bold") <= width for line in lines)
    assert len(lines) == 1 or all(" " in line for line in lines)


def test_a_word_that_is_too_wide_is_cut_in_balance_too() -> None:
    assert balanced("a" * 60, 100, 9).replace("\n", "") == "a" * 60
    assert balanced("", 100, 9) == balanced(" ", 100, 9) == ""
