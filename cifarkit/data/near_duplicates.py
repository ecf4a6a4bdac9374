"""Find test pictures that look almost like a picture seen in training.

The pairs are kept in the data folder, by the fingerprint of the data: a search takes a minute, and
runs, comparisons and reports name them from there. A file that cannot be read counts as missing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from cifarkit.annotations import Range
from cifarkit.arguments import checked
from cifarkit.blocks import Block, Readable, as_text
from cifarkit.data.image_set import ImageSet
from cifarkit.data.splits import Splits, check_splits
from cifarkit.guidance import Guided, explains_arguments
from cifarkit.storage.atomic import write_text
from cifarkit.storage.folders import data_folder
from cifarkit.storage.foreign_text import read_text
from cifarkit.tables import Table

__all__ = ["NearDuplicate", "NearDuplicates", "known_near_duplicates", "near_duplicates"]

log = logging.getLogger(__name__)

FORMAT = 1  # of the kept file; another number when a search would find other pairs
THRESHOLD = 0.97

SIDE = 16  # at half the size, small shifts and the noise of JPEG hardly count
DIGITS = 5  # those that hold on every processor, so that copies stand in one order
AT_ONCE = 2_000  # pictures, so that the correlations of a block fit in memory
MOST_ROWS = 10


@dataclass(frozen=True)
class NearDuplicate:
    """A test picture, and the most similar picture of train or val.

    Args:
        test_index: the index of the test picture.
        other: the set of the other picture, `"train"` or `"val"`.
        index: the index of the other picture in its set.
        correlation: the correlation of their pixels at 16 by 16, in [-1, 1].
        mirrored: whether the other picture is the mirror image.
        same_label: whether both have the same label.

    >>> NearDuplicate(3, "train", 41, 0.981, mirrored=True, same_label=True).other
    'train'
    """

    test_index: int
    other: str
    index: int
    correlation: float
    mirrored: bool
    same_label: bool


@dataclass(frozen=True, repr=False)
class NearDuplicates(Guided, Readable):
    """Pairs of a test picture and a similar picture of train or val, the most similar first.

    Args:
        pairs: one for each test picture that has a near-duplicate.
        threshold: the correlation from which a pair counts.
        test_images: how many test pictures there are.

    >>> pair = NearDuplicate(1, "train", 41, 0.981, mirrored=True, same_label=True)
    >>> near = NearDuplicates((pair,), threshold=0.97, test_images=4)
    >>> print(near)
    1 of 4 test pictures have a near-duplicate in train or val: a correlation of
    0.97 or more at 16 by 16 pixels
    picture   is like  correlation  mirrored  label
    test 1   train 41        0.981       yes   same
    >>> near.kept
    tensor([0, 2, 3])
    """

    pairs: tuple[NearDuplicate, ...]
    threshold: float
    test_images: int

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self.pairs)

    @property
    def kept(self) -> Tensor:
        """The indices of the test pictures without a near-duplicate, int64 `n`.

        `data.test.subset(near.kept)` is the test set without them.
        """
        alike = {pair.test_index for pair in self.pairs}
        kept = [index for index in range(self.test_images) if index not in alike]
        return torch.tensor(kept, dtype=torch.int64)

    def blocks(self) -> Sequence[Block]:
        """Return a sentence, and a table of the first pairs."""
        rows = [
            (
                *(f"test {pair.test_index}", f"{pair.other} {pair.index}"),
                *(f"{pair.correlation:.3f}", "yes" if pair.mirrored else "no"),
                "same" if pair.same_label else "other",
            )
            for pair in self.pairs[:MOST_ROWS]
        ]
        head = (
            f"{len(self):,} of {self.test_images:,} test pictures have a near-duplicate in train "
            f"or val: a correlation of {self.threshold:g} or more at {SIDE} by {SIDE} pixels"
        )
        table = Table(("picture", "is like", "correlation", "mirrored", "label"), rows)
        return [head, table] if rows else [head]

    def __str__(self) -> str:
        return as_text(*self.blocks())

    def __repr__(self) -> str:
        return f"NearDuplicates({len(self)} pairs, threshold {self.threshold:g})"


@explains_arguments("ck.near_duplicates")
def near_duplicates(splits: Splits, *, threshold: float = THRESHOLD) -> NearDuplicates:
    """Find the test pictures that look almost like a picture of train or val.

    A network can know such a picture by heart. Barz and Denzler 2020, "Do We Train on Test Data?"
    (arXiv 1902.00423), found near-duplicates of 3.3 % of CIFAR-10's test pictures, by a network and
    by eye. Here every two pictures are compared at 16 by 16, also mirrored, by the correlation of
    their pixels. This finds fewer pairs, because it misses cropped and recoloured copies. Pictures
    of one plain colour are left out.

    The pairs are kept in the data folder (`$CIFARKIT_DATA`), unless you give another threshold.
    From then on, comparisons and reports on this data say how accurate the networks are without
    these pictures.

    Args:
        splits: the three sets.
        threshold: the correlation from which a pair counts.

    Returns:
        The pairs, the most similar first; `print` shows a table.

    Raises:
        DataError: it is not splits, or the threshold is out of range.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> data = load_synthetic(n_train=100, n_test=50, val_size=10)
    >>> near_duplicates(Splits(data.train, None, data.train, "itself")).pairs[0].correlation > 0.999
    True
    """
    check_splits(splits)
    least = checked("threshold", threshold, Annotated[float, Range(0.5, 1)])
    if least != THRESHOLD:
        return _searched(splits, least)
    near = known_near_duplicates(splits.fingerprint)
    if near is None:
        near = _searched(splits, least)
        _keep(near, splits.fingerprint)
    return near


def known_near_duplicates(fingerprint: str) -> NearDuplicates | None:
    """Return the pairs that an earlier search in this data has kept; None without one.

    Args:
        fingerprint: of the data.

    >>> known_near_duplicates("0" * 64) is None
    True
    """
    try:
        kept = json.loads(read_text(_file_of(fingerprint)))
        pairs = tuple(NearDuplicate(**pair) for pair in kept["pairs"])
        near = NearDuplicates(pairs, THRESHOLD, kept["test_images"])
        return near if kept["format"] == FORMAT else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        log.warning("kept near-duplicates cannot be read, and are searched again: %s", error)
        return None


def _keep(near: NearDuplicates, fingerprint: str) -> None:
    pairs = [asdict(pair) for pair in near.pairs]
    kept = {"format": FORMAT, "test_images": near.test_images, "pairs": pairs}
    try:
        write_text(_file_of(fingerprint), json.dumps(kept))
    except OSError as error:
        log.warning("the near-duplicates cannot be kept, and no report names them: %s", error)


def _file_of(fingerprint: str) -> Path:
    return data_folder() / "near-duplicates" / f"{fingerprint[:32]}.json"


def _searched(splits: Splits, least: float) -> NearDuplicates:
    others = {"train": splits.train} | ({} if splits.val is None else {"val": splits.val})
    found: dict[int, NearDuplicate] = {}
    for name, image_set in others.items():
        for pair in _alike(splits.test, image_set, name, least):
            known = found.get(pair.test_index)
            if known is None or pair.correlation > known.correlation:
                found[pair.test_index] = pair
    pairs = sorted(found.values(), key=lambda pair: (-pair.correlation, pair.test_index))
    return NearDuplicates(tuple(pairs), least, len(splits.test))


def _alike(test: ImageSet, others: ImageSet, name: str, least: float) -> Iterator[NearDuplicate]:
    """Yield, for each block of the others, the most similar picture to each test picture."""
    vectors = _vectors(test.images)
    for first, mirrored, block in _blocks_of(others):
        for start, tests in _parts(vectors):
            highest, index = (tests @ block.T).clamp(max=1).max(1)
            for at in (highest >= least).nonzero()[:, 0].tolist():
                picture, other = start + at, first + int(index[at])
                same = bool(test.labels[picture] == others.labels[other])
                correlation = round(float(highest[at]), DIGITS)
                yield NearDuplicate(picture, name, other, correlation, mirrored, same)


def _blocks_of(image_set: ImageSet) -> Iterator[tuple[int, bool, Tensor]]:
    """Yield blocks of vectors, unmirrored and mirrored, with the index of their first picture."""
    for first, images in _parts(image_set.images):
        for mirrored in (False, True):
            yield first, mirrored, _vectors(images.flip(3) if mirrored else images)


def _parts(rows: Tensor) -> Iterator[tuple[int, Tensor]]:
    return ((start, rows[start : start + AT_ONCE]) for start in range(0, len(rows), AT_ONCE))


def _vectors(images: Tensor) -> Tensor:
    """Return pictures as vectors whose products are correlations, float32 `n 768`."""
    small = F.adaptive_avg_pool2d(images.float(), SIDE).flatten(1)
    centred = small - small.mean(1, keepdim=True)
    return F.normalize(centred, eps=1.0).cpu()  # one plain colour gives a vector of zeros
