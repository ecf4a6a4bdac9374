"""Draw test pictures beside similar pictures of train or val."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from cifarkit.arguments import Count, checked
from cifarkit.data.image_set import ImageSet
from cifarkit.data.near_duplicates import NearDuplicates
from cifarkit.data.splits import Splits, check_splits
from cifarkit.errors import DataError
from cifarkit.guidance import explains_arguments
from cifarkit.plots.answers import pictures_at
from cifarkit.plots.picture_grid import Section, Tile, draw_grid

__all__ = ["near_duplicates"]

COLUMNS = 8  # four pairs


@explains_arguments("ck.plots.near_duplicates")
def near_duplicates(
    near: NearDuplicates, splits: Splits, *, n: int = 12, figure: Figure | None = None
) -> Figure:
    """Draw test pictures, each beside its near-duplicate, the most similar first.

    Args:
        near: from `ck.near_duplicates`.
        splits: the data that were searched.
        n: how many pairs; all if there are fewer.
        figure: as for `samples`.

    Returns:
        The figure, without pictures if there is no pair.

    Raises:
        DataError: the pairs are not of these splits, or `n` is not a whole number of at least 1.

    >>> from cifarkit.data.near_duplicates import near_duplicates as search
    >>> from cifarkit.data.synthetic import load_synthetic
    >>> data = load_synthetic(n_train=100, n_test=50, val_size=10)
    >>> near_duplicates(search(data), data, figure=Figure()).get_suptitle()
    '0 of 50 test pictures look like one of train or val'
    """
    check_splits(splits)
    if not isinstance(near, NearDuplicates) or near.test_images != len(splits.test):
        raise DataError(
            "pairs come from the same data: near = ck.near_duplicates(data), then "
            "ck.plots.near_duplicates(near, data)"
        )
    tiles = []
    for pair in near.pairs[: checked("n", n, Count)]:
        other = splits.val if pair.other == "val" and splits.val is not None else splits.train
        how = f"\n{pair.correlation:.3f}" + ", mirrored" * pair.mirrored
        tiles.append(_tile(splits.test, pair.test_index, "test", ""))
        tiles.append(_tile(other, pair.index, pair.other, how))
    title = f"{len(near):,} of {near.test_images:,} test pictures look like one of train or val"
    return draw_grid(title, [Section("", tiles)], columns=COLUMNS, figure=figure, together=2)


def _tile(image_set: ImageSet, index: int, name: str, how: str) -> Tile:
    (picture,) = pictures_at(image_set, np.array([index]))
    return Tile(picture, f"{name} {index}\n{image_set.classes[int(image_set.labels[index])]}{how}")
