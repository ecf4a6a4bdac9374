from __future__ import annotations

import pytest
from matplotlib.figure import Figure

import cifarkit as ck


@pytest.fixture(scope="module")
def data() -> ck.Splits:
    drawn = ck.load_synthetic(n_train=80, n_test=20, val_size=10)
    return ck.Splits(drawn.train, drawn.val, drawn.train.subset(range(5)), "shared")


def test_each_test_picture_stands_beside_the_one_it_is_like(data: ck.Splits) -> None:
    figure = ck.plots.near_duplicates(ck.near_duplicates(data), data, figure=Figure())
    assert figure.get_suptitle() == "5 of 5 test pictures look like one of train or val"
    pictures = [ax.images[0].get_array() for ax in figure.axes]
    assert len(pictures) == 10
    assert all(
        (one == other).all() for one, other in zip(pictures[::2], pictures[1::2], strict=True)
    )


def test_pairs_of_other_data_are_refused(data: ck.Splits) -> None:
    other = ck.load_synthetic(n_train=80, n_test=20, val_size=10)
    with pytest.raises(ck.DataError, match=r"near = ck\.near_duplicates\(data\)"):
        ck.plots.near_duplicates(ck.near_duplicates(other), data)
