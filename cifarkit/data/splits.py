"""Train, val and test: three disjoint image sets of one data source.

`val` selects, `test` reports. A set that the source lacks is drawn from the training pictures by a
seed, the same share of every class. The fingerprint is one hash of contents and split.
"""

from __future__ import annotations

import hashlib
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import torch
from torch import Tensor

from cifarkit.annotations import is_whole
from cifarkit.arguments import Seed, checked
from cifarkit.blocks import Block, Readable
from cifarkit.data.image_set import ImageSet
from cifarkit.data.loaders import loader_for
from cifarkit.errors import DataError, UnknownArgumentError
from cifarkit.guidance import Guided, lacking
from cifarkit.randomness import generator_for
from cifarkit.tables import Table
from cifarkit.warn import warn

__all__ = ["SHARE", "Splits", "check_splits", "complete_splits", "split_off_val"]

SHARE = 0.1  # of the training pictures, for val and for test by default


@dataclass(frozen=True, eq=False)
class Splits(Guided, Readable):
    """The three image sets of one data source.

    To learn from fewer pictures: `dataclasses.replace(splits, train=splits.train.subset(indices))`,
    which has its own fingerprint.

    Args:
        train: the pictures that the weights learn from.
        val: the pictures that you, early stopping and sweeps may choose by. None when `val_size=0`;
            then only the numbers on train are left to choose by.
        test: the pictures to report on once, at the end.
        name: the data source in words, such as `"CIFAR-10"`.
        source: what `load_data` takes to find it again; empty for arrays.

    Raises:
        DataError: a set is empty, or they are not of the same classes in the same order.

    >>> from cifarkit.data.synthetic import load_synthetic
    >>> splits = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> len(splits.train), len(splits.val), len(splits.test), splits.classes[:2]
    (180, 20, 50, ('disc', 'ring'))
    """

    train: ImageSet
    val: ImageSet | None
    test: ImageSet
    name: str
    source: str = ""

    def __post_init__(self) -> None:
        for part, images in (("train", self.train), ("val", self.val), ("test", self.test)):
            if images is None and part == "val":
                continue
            if not isinstance(images, ImageSet):
                raise DataError(f"{part} must be an ImageSet, found {type(images).__name__}")
            if len(images) == 0:
                raise DataError(
                    f"{self.name} has no {part} images; train and test need one or more each, and "
                    "val=None stands for no val set"
                )
            if images.classes != self.train.classes:
                raise DataError(
                    f"the classes of train and {part} must be the same, in the same order; found "
                    f"{', '.join(self.train.classes)} and {', '.join(images.classes)}"
                )

    def __getitem__(self, part: Any) -> NoReturn:
        """Say that the sets have names; `train, val, test = splits` comes here too."""
        raise UnknownArgumentError(lacking("Splits", "[]", ()))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the contents of all three sets and the class names, in hexadecimal."""
        digest = hashlib.sha256()
        for part in (self.train, self.val, self.test):
            if part is not None:
                digest.update(repr((part.classes, len(part))).encode())
                digest.update(part.images.cpu().contiguous().numpy().data)
                digest.update(part.labels.cpu().contiguous().numpy().data)
        return digest.hexdigest()

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the labels."""
        return self.train.classes

    def describe(self) -> dict[str, str | int]:
        """Return name, source, fingerprint and sizes as JSON types, for the records of a run."""
        return {
            "name": self.name,
            "source": self.source,
            "fingerprint": self.fingerprint,
            "train": len(self.train),
            "val": 0 if self.val is None else len(self.val),
            "test": len(self.test),
        }

    def blocks(self) -> Sequence[Block]:
        """Return how many pictures of each class each set has."""
        return [repr(self), self.table()]

    def table(self) -> Table:
        """Return how many pictures of each class each set has."""
        parts = {"train": self.train, "val": self.val, "test": self.test}
        counts = {name: part.counts() for name, part in parts.items() if part is not None}
        rows = [
            [name, *(f"{count[label]:,}" for count in counts.values())]
            for label, name in enumerate(self.classes)
        ]
        total = ["total", *(f"{sum(count):,}" for count in counts.values())]
        return Table(["class", *counts], rows, total)

    def __repr__(self) -> str:
        val = 0 if self.val is None else len(self.val)
        return (
            f"Splits({self.name!r}: train {len(self.train):,}, val {val:,}, "
            f"test {len(self.test):,}, {len(self.classes)} classes, {self.fingerprint[:12]})"
        )


def split_off_val(
    train: ImageSet,
    test: ImageSet,
    *,
    val_size: int | float,
    split_seed: int,
    name: str,
    source: str = "",
) -> Splits:
    """Take val out of the training pictures.

    Args:
        train: the pictures that train and val share.
        test: the pictures that only report.
        val_size: how many pictures (a whole number) or which share (a fraction below 1).
        split_seed: the seed of the draw.
        name: the data source in words.
        source: what `load_data` takes to find it again.

    Raises:
        DataError: a set is empty, or `val_size` leaves nothing to train on.
    """
    rest, val = _drawn(train, "val", val_size, "split", split_seed, name)
    return Splits(rest, val, test, name, source)


def complete_splits(
    parts: dict[str, ImageSet],
    *,
    val_size: int | float,
    split_seed: int,
    name: str,
    test_size: int | float = SHARE,
    source: str = "",
) -> Splits:
    """Make splits of the parts that a source has; draw test, and then val, where it has none.

    Args:
        parts: `"train"`, and `"val"` and `"test"` where the source has them.
        val_size: how many of the training pictures, or which share of them, become val.
        split_seed: the seed of both draws.
        name: the data source in words.
        test_size: as `val_size`, for test.
        source: what `load_data` takes to find it again.

    Raises:
        DataError: a set is empty, a size leaves nothing to train on, or is given for a part that
            the source has.
    """
    for part, size in (("val", val_size), ("test", test_size)):
        if part in parts and (isinstance(size, bool) or size != SHARE):
            raise DataError(
                f"{part}_size={size!r} draws {part} from train, but {name} has its own {part} "
                f"set; leave out {part}_size, or the {part} set"
            )
    train, val, test = parts["train"], parts.get("val"), parts.get("test")
    if test is None:
        whole = len(train)
        train, test = _drawn(train, "test", test_size, "test", split_seed, name)
        if test is None:
            raise DataError(
                f"{name} has no test set, and test_size={test_size!r} draws none; each run reports "
                "on test, so draw one picture or more"
            )
        if test_size == SHARE:  # the user did not ask for a draw
            warn(
                f"{name} has no test set, so {len(test):,} of its {whole:,} training pictures were "
                "drawn for it; test_size= sets how many",
            )
    if val is None:
        return split_off_val(
            train, test, val_size=val_size, split_seed=split_seed, name=name, source=source
        )
    return Splits(train, val, test, name, source)


def check_splits(splits: Any) -> None:
    """Refuse anything but splits.

    Raises:
        DataError: it is something else; the message says what.
    """
    if not isinstance(splits, Splits):
        raise DataError(
            "it takes Splits, the three sets together, found an ImageSet: give data, not data.val"
            if isinstance(splits, ImageSet)
            else f"training takes Splits, such as from {loader_for(splits)}, found "
            f"{type(splits).__name__}"
        )


def _drawn(
    train: ImageSet, part: str, size: int | float, purpose: str, seed: int, name: str
) -> tuple[ImageSet, ImageSet | None]:
    """Return the rest of train, and the set that was drawn out of it."""
    if len(train) == 0:
        raise DataError(f"{name} has no train images; train and test need one or more each")
    checked("split_seed", seed, Seed)
    count = _count(part, size, len(train))
    chosen = _stratified(train.labels, count, purpose, seed)
    rest = train.subset(torch.nonzero(~chosen).flatten())
    return rest, train.subset(torch.nonzero(chosen).flatten()) if count else None


def _count(part: str, size: int | float, available: int) -> int:
    wanted: float = -1
    if is_whole(size):
        wanted = int(size)
    elif isinstance(size, numbers.Real) and 0 <= size < 1:
        wanted = round(float(size) * available)
    if not 0 <= wanted < available:
        raise DataError(
            f"{part}_size={size!r} cannot be taken out of {available:,} training images; "
            f"allowed is a count from 0 to {available - 1:,} or a fraction 0 <= {part}_size < 1"
        )
    return int(wanted)


def _stratified(labels: Tensor, count: int, purpose: str, seed: int) -> Tensor:
    """Mark `count` pictures, the same share of every class; bool `n`.

    Each class gives its share rounded down. The classes with the largest remainders give one
    more each, until there are enough (the largest-remainder method).
    """
    totals = torch.bincount(labels)  # classes
    shares = totals.double() * count / len(labels)
    quota = shares.long()
    missing = count - int(quota.sum())
    quota[(shares - quota).argsort(descending=True, stable=True)[:missing]] += 1
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label, take in enumerate(quota.tolist()):
        indices = torch.nonzero(labels == label).flatten()
        order = torch.randperm(len(indices), generator=generator_for(purpose, seed, label))
        chosen[indices[order[:take]]] = True
    return chosen
