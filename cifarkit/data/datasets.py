"""Data sets of torch, torchvision and Hugging Face, decoded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    default_collate,
)

from cifarkit.data.forms import Form, warn_of_resizing
from cifarkit.data.image_set import ImageSet
from cifarkit.data.labels import checked_names, labels_and_names
from cifarkit.data.layouts import images_from_array, images_of_parts
from cifarkit.data.leaks import warn_of_leaks
from cifarkit.data.splits import SHARE, Splits, complete_splits
from cifarkit.errors import DataError
from cifarkit.guidance import explains_arguments
from cifarkit.randomness import seeded

__all__ = ["load_dataset"]

# The columns of rows, in the order they are tried; Hugging Face's sets use these names.
PICTURES = ("img", "image", "images", "pixel_values", "picture", "png", "jpg")
LABELS = ("label", "labels", "fine_label", "target", "class", "cls")
VALS = ("val", "valid", "validation")
TRIED = 32  # pictures that are read twice


@explains_arguments("ck.load_dataset")
def load_dataset(
    train: Any,
    test: Any = None,
    *,
    val: Any = None,
    classes: Sequence[str] | None = None,
    val_size: int | float = SHARE,
    test_size: int | float = SHARE,
    split_seed: int = 0,
) -> Splits:
    """Make splits from data sets that give pictures and labels one by one.

    It takes torchvision's data sets, `Subset`, `ConcatDataset` and `random_split`, a `DataLoader`
    (its data set in order, not its batches), Hugging Face's rows, and lists of (picture, label).
    Each picture is read once: a Pillow image, or an array or tensor as `load_arrays` takes, with or
    without `ToTensor()`. All that are not RGB 32 by 32 are brought to it as picture files are, and
    a warning says so. The data set must not make random changes, because one draw would stay for
    all epochs; `Recipe(augment=(ck.Transform(…),))` makes them.

    Args:
        train: the data set to learn from; or one of the parts of a Hugging Face `DatasetDict`,
            whose test and val parts are then used too.
        test: the data set to report on; drawn from train when None.
        val: the data set to choose by; drawn from train when None.
        classes: the names of the classes, in the order of the labels; when None, the data set's
            own, or else as in `load_arrays`.
        val_size: how many training images, or which share of them, become val.
        test_size: as `val_size`, for test.
        split_seed: the seed of these draws.

    Returns:
        The three image sets. Warnings say what was drawn for test, what was resized, and when more
        than one test picture in a hundred is a training picture too.

    Raises:
        DataError: it is not such a data set, gives another picture each time, or a picture or label
            does not fit; the message says what to pass.

    >>> pictures = [(Image.new("RGB", (32, 32), (n, 0, 0)), n % 2) for n in range(30)]
    >>> load_dataset(pictures[:20], pictures[20:], val_size=4, classes=["cat", "dog"])
    Splits('dataset': train 16, val 4, test 10, 2 classes, 09ad74ef619c)
    """
    sets = _parts(train, test, val)
    known = {part: _names(dataset) for part, dataset in sets.items()}
    names = known["train"] if classes is None else checked_names(classes)
    pictures, labels, forms = {}, {}, set[Form]()
    for part, dataset in sets.items():
        title, part_names = f"the pictures of {part}", known[part]
        pictures[title], labels[part], part_forms = _read(dataset, part)
        forms |= part_forms
        if classes is None and part_names and part_names != names:  # its numbers mean other names
            labels[part] = [part_names[int(label)] for label in labels[part]]
    counts = dict(zip(pictures, map(len, labels.values()), strict=True))
    images, array_forms = images_of_parts(pictures, counts)
    forms |= array_forms
    numbers, names = labels_and_names(labels, names)
    parts = {
        part: ImageSet(images[title], numbers[part], names)
        for part, title in zip(sets, images, strict=True)
    }
    splits = complete_splits(
        parts, val_size=val_size, split_seed=split_seed, name="dataset", test_size=test_size
    )
    warn_of_resizing(forms)
    warn_of_leaks(splits, has_own_val="val" in parts)
    return splits


def _parts(train: Any, test: Any, val: Any) -> dict[str, Any]:
    if isinstance(train, Mapping):
        parts = dict(train)
        if "train" not in parts:
            raise DataError(
                f"train is a dictionary of {', '.join(map(repr, parts))}; pass one data set, or a "
                "dictionary with 'train'"
            )
        train = parts["train"]
        test = parts.get("test") if test is None else test
        val = next((parts[name] for name in VALS if name in parts), None) if val is None else val
    given = {"train": train, "val": val, "test": test}
    return {
        part: _without_loader(dataset, part)
        for part, dataset in given.items()
        if dataset is not None
    }


def _without_loader(loader: Any, part: str) -> Any:
    """Return the data set of a loader, or the data set itself.

    Raises:
        DataError: its pictures cannot be counted, or cannot be read in order.
    """
    dataset = loader.dataset if isinstance(loader, DataLoader) else loader
    if isinstance(loader, DataLoader) and not isinstance(dataset, IterableDataset):
        sampler: Any = loader.sampler
        if type(loader.batch_sampler) not in (BatchSampler, NoneType):
            sampler = loader.batch_sampler
        if isinstance(sampler, SubsetRandomSampler):
            dataset = Subset(dataset, [int(index) for index in sampler.indices])
        elif not isinstance(sampler, SequentialSampler | RandomSampler) or (
            isinstance(sampler, RandomSampler) and sampler.replacement
        ):
            raise DataError(
                f"the loader of {part} draws with a {type(sampler).__name__}, which cifarkit does "
                "not repeat; pass its data set, loader.dataset"
            )
        if loader.collate_fn is not default_collate:
            raise DataError(
                f"the loader of {part} has its own collate_fn, which would not be called; do its "
                "work in the data set, and pass loader.dataset"
            )
    if isinstance(dataset, Splits):
        raise DataError(f"{part} is Splits already; train on it as it is")
    if isinstance(dataset, tuple) and len(dataset) == 2 and hasattr(dataset[0], "shape"):
        raise DataError(f"{part} is a pair of arrays; ck.load_arrays takes arrays")
    is_plain = isinstance(dataset, np.ndarray | Tensor | str | bytes | Mapping)
    if is_plain or isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__"):
        way = "ck.load_arrays takes arrays, ck.load_image_folder folders"
        if hasattr(dataset, "__iter__") and not is_plain:
            way = f"list({part}) makes one from an iterator"
        raise DataError(
            f"{part} must be a data set whose pictures have indices, such as torchvision's, found "
            f"{type(dataset).__name__}; {way}"
        )
    if not hasattr(dataset, "__len__"):
        raise DataError(
            f"{part} must say how many pictures it has; give {type(dataset).__name__} a __len__"
        )
    return dataset


def _names(dataset: Any) -> tuple[str, ...] | None:
    """Return the names of the classes that a data set has, if any."""
    if isinstance(dataset, ConcatDataset):
        variants = {_names(part) for part in dataset.datasets}
        if len(variants) > 1:
            raise DataError(
                "the parts of a ConcatDataset have different classes, so that a label has two "
                "meanings; give all parts the same classes"
            )
        return variants.pop()
    if isinstance(dataset, Subset):
        return _names(dataset.dataset)
    features = getattr(dataset, "features", None)
    if isinstance(features, Mapping):
        label = next((features[name] for name in LABELS if name in features), None)
        names = getattr(label, "names", None)
    else:
        names = getattr(dataset, "classes", None)
    is_list = isinstance(names, Sequence) and not isinstance(names, str)
    return tuple(map(str, names)) if is_list and names else None


def _read(dataset: Any, part: str) -> tuple[Any, list[Any], set[Form]]:
    """Return the pictures, their labels, and the forms of the pictures that were changed.

    Arrays are not changed yet: the arrays of all parts together show what black and white are.
    """
    if isinstance(dataset, ImageSet):
        return dataset.images, dataset.labels.tolist(), set()
    _check_steady(dataset, part)
    pictures, labels, forms = [], [], set[Form]()
    with seeded("dataset"):
        for index in range(len(dataset)):
            picture, label = _pair(_item(dataset, index, part), index, part)
            labels.append(_plain_label(label))
            if isinstance(picture, Image.Image):  # only the small one is kept
                image, picture_forms = images_from_array([picture], f"picture {index} of {part}")
                picture, forms = image[0], forms | picture_forms
            elif picture.dtype.kind == "f" and np.abs(picture).max(initial=0) <= 255:
                picture = picture.astype(np.float16)  # enough for 256 shades
            pictures.append(picture)
    if not pictures:
        raise DataError(f"{part} has no pictures")
    if all(isinstance(picture, Tensor) for picture in pictures):
        return torch.stack(pictures), labels, forms
    return _joined(pictures), labels, forms


def _joined(pictures: list[Any]) -> Any:
    """Join arrays of one shape into one array `n …`; return others unchanged."""
    arrays = [np.asarray(picture) for picture in pictures]
    is_alike = len({(array.shape, array.dtype.kind) for array in arrays}) == 1
    return np.stack(arrays) if is_alike else arrays


def _check_steady(dataset: Any, part: str) -> None:
    """Refuse a data set with random pictures: one draw would be kept for all epochs."""
    for index in range(min(TRIED, len(dataset))):
        draws = []
        for draw in range(2):
            with seeded("dataset", index, draw):
                picture, _ = _pair(_item(dataset, index, part), index, part)
            draws.append(np.asarray(picture))
        if not np.array_equal(draws[0], draws[1]):
            raise DataError(
                f"{part} gives another picture {index} each time, so it has random transforms; "
                "leave them out of the data set, and give them to the recipe: "
                "augment=(ck.Transform([…]),)"
            )


def _item(dataset: Any, index: int, part: str) -> Any:
    try:
        return dataset[index]
    except Exception as error:  # a user's code may raise anything
        raise DataError(
            f"picture {index} of {part} cannot be read: {type(error).__name__}: {error}"
        ) from error


def _pair(item: Any, index: int, part: str) -> tuple[Any, Any]:
    """Return the picture, a Pillow image or an array, and the label."""
    if isinstance(item, Mapping):
        picture, label = _column(item, PICTURES, part), _column(item, LABELS, part)
    elif isinstance(item, tuple | list) and len(item) == 2:
        picture, label = item
    else:
        kind = f"{len(item)} things" if isinstance(item, tuple | list) else type(item).__name__
        raise DataError(
            f"{part} must give (picture, label), and item {index} is {kind}; "
            f"[(x, y) for x, y, *_ in {part}] takes the first two"
        )
    if isinstance(picture, Tensor):
        picture = picture.detach().cpu().float() if picture.is_floating_point() else picture.cpu()
    if not isinstance(picture, Image.Image):
        kind, picture = type(picture).__name__, np.asarray(picture)
        if picture.ndim not in (1, 2, 3):
            raise DataError(
                f"picture {index} of {part} must be a Pillow image, or an array 3 h w, h w 3 or "
                f"h w, found {kind}; PIL.Image.open reads a file"
            )
    return picture, label


def _column(row: Mapping[str, Any], names: Sequence[str], part: str) -> Any:
    for name in names:
        if name in row:
            return row[name]
    raise DataError(
        f"the rows of {part} have the columns {', '.join(map(repr, row))}, but none called "
        f"{names[0]!r}; ds.rename_column(…, {names[0]!r}) gives one that name"
    )


def _plain_label(label: Any) -> Any:
    if isinstance(label, Tensor | np.ndarray | np.generic):
        return label.tolist()
    return label
