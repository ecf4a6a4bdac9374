from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cifarkit.plots.dodging import dodge

PLACES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def test_labels_with_room_stay_where_they_are() -> None:
    assert dodge([0.2, 0.8, 0.5], [0.1, 0.1, 0.1], 0, 1) == pytest.approx([0.2, 0.8, 0.5])


def test_labels_that_want_one_place_share_it_around_its_middle() -> None:
    assert dodge([0.5, 0.5, 0.5], [0.1, 0.1, 0.1], 0, 1) == pytest.approx([0.4, 0.5, 0.6])


def test_labels_at_an_end_are_pushed_inwards() -> None:
    assert dodge([0.0, 1.0], [0.2, 0.4], 0, 1) == pytest.approx([0.1, 0.8])


@given(PLACES, st.data())
def test_labels_never_overlap_and_stay_in_a_column_that_has_room(
    wanted: list[float], data: st.DataObject
) -> None:
    heights = data.draw(st.lists(st.floats(0.01, 0.12), min_size=len(wanted), max_size=len(wanted)))
    middles = dodge(wanted, heights, 0, 1)
    assert fits(middles, heights)


def fits(middles: list[float], heights: list[float]) -> bool:
    labels = sorted(zip(middles, heights, strict=True))
    ends = [(middle - height / 2, middle + height / 2) for middle, height in labels]
    is_apart = all(below[1] <= above[0] + 1e-9 for below, above in pairwise(ends))
    return is_apart and ends[0][0] >= -1e-9 and ends[-1][1] <= 1 + 1e-9


def test_labels_that_were_not_spread_would_be_seen() -> None:
    assert fits([0.2, 0.4], [0.1, 0.1])
    assert not fits([0.5, 0.55], [0.1, 0.1])
    assert not fits([0.0, 0.5], [0.1, 0.1])


@given(PLACES)
def test_labels_keep_the_order_of_their_lines(wanted: list[float]) -> None:
    middles = dodge(wanted, [0.1] * len(wanted), 0, 1)
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    assert [middles[index] for index in order] == sorted(middles)
