"""Pictures of val and test that were also seen in training."""

from __future__ import annotations

from cifarkit.data.hashes import hashes_of
from cifarkit.data.splits import Splits
from cifarkit.warn import warn

__all__ = ["count_leaks", "warn_of_leaks"]

ODD = 0.01  # of test; large sets gathered from the web hold a few pictures twice


def count_leaks(splits: Splits) -> int:
    """Count the test pictures that are also train or val pictures, byte for byte.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> data = load_synthetic(n_train=100, n_test=50, val_size=10)
    >>> count_leaks(data), count_leaks(Splits(data.test, None, data.test, "itself"))
    (0, 50)
    """
    others = (splits.train,) if splits.val is None else (splits.train, splits.val)
    seen = {picture for images in others for picture in hashes_of(images.images)}
    return sum(picture in seen for picture in hashes_of(splits.test.images))


def warn_of_leaks(splits: Splits, *, has_own_val: bool = False) -> None:
    """Warn where many test pictures are also train or val pictures.

    Args:
        splits: the three sets.
        has_own_val: whether val was not drawn from train; then val's pictures are searched in
            train.
    """
    leaks, test = count_leaks(splits), len(splits.test)
    if has_own_val and splits.val is not None:
        seen = set(hashes_of(splits.train.images))
        shared = sum(picture in seen for picture in hashes_of(splits.val.images))
        if shared > ODD * len(splits.val):
            warn(
                f"{shared:,} of the {len(splits.val):,} val pictures of {splits.name!r} are also "
                "train pictures, so val does not show which network is better; take them out",
            )
    if leaks > ODD * test:
        warn(
            f"{leaks:,} of the {test:,} test pictures of {splits.name!r} are also train or val "
            "pictures, so test does not show how good a network is on new pictures; take them out",
        )
