"""CIFAR-10: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009."""

from __future__ import annotations

from pathlib import Path

import torch

from cifarkit.data.cache import cached
from cifarkit.data.download import ARCHIVE, archive_is_whole, download_cifar10
from cifarkit.data.image_set import ImageSet
from cifarkit.data.splits import Splits, split_off_val
from cifarkit.data.torchvision_datasets import import_datasets
from cifarkit.errors import DataError
from cifarkit.storage.folders import data_folder, expanded

__all__ = ["CIFAR10_CLASSES", "load_cifar10"]

CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
BATCHES = "cifar-10-batches-py"  # what the archive unpacks to


def load_cifar10(
    root: str | Path | None = None,
    *,
    val_size: int | float = 5_000,
    split_seed: int = 0,
    download: bool = True,
) -> Splits:
    """Load CIFAR-10: 50,000 training and 10,000 test images of 10 classes.

    Looked for in `root`, else in `$CIFARKIT_DATA`, else in `./data` if torchvision has put the
    data set there, else in the user's cache folder. torchvision reads and verifies the archive
    once; a tensor file beside it serves later loads in tenths of a second.

    Args:
        root: the folder that holds `cifar-10-batches-py` or its archive, or shall.
        val_size: how many training images, or which share of them, become val.
        split_seed: the seed of that draw.
        download: fetch the archive (170 MB) when it is nowhere.

    Returns:
        The three image sets, under the name `"CIFAR-10"`.

    Raises:
        DataError: the data set is nowhere and `download` is False, or a file is damaged.
        DownloadError: it could not be fetched; the message lists three ways on.
        InstallError: torchvision does not match torch.

    >>> load_cifar10("an-empty-folder", download=False)
    Traceback (most recent call last):
    ...
    cifarkit.errors.DataError: CIFAR-10 is not in 'an-empty-folder'; pass root=, ...
    """
    home = data_folder() if root is None else expanded(root)
    train, test = cached(home / "cifar10.safetensors", lambda: _read(_find(home, root, download)))
    return split_off_val(
        train, test, val_size=val_size, split_seed=split_seed, name="CIFAR-10", source="cifar10"
    )


def _find(home: Path, root: str | Path | None, download: bool) -> Path:
    """Return the folder that holds the unpacked archive, fetching it if need be."""
    places = [home] if root is not None else [home, Path("data")]
    try:
        unpacked = [place for place in places if (place / BATCHES).is_dir()]
        packed = [place for place in places if (place / ARCHIVE).is_file()]
    except OSError as error:  # such as a name too long for any disk
        raise DataError(f"CIFAR-10 cannot be looked for: {error}") from error
    if unpacked:
        return unpacked[0]
    if packed:
        if not download and not archive_is_whole(packed[0]):
            raise DataError(
                f"{str(packed[0] / ARCHIVE)!r} is damaged or cut short; put a whole one there, or "
                "allow download=True"
            )
        download_cifar10(packed[0])  # only unpacks a whole one
        return packed[0]
    if not download:
        raise DataError(
            f"CIFAR-10 is not in {' nor '.join(repr(str(place)) for place in places)}; "
            "pass root=, set $CIFARKIT_DATA, or allow download=True"
        )
    download_cifar10(home)
    return home


def _read(root: Path) -> tuple[ImageSet, ImageSet]:
    datasets = import_datasets()
    parts = []
    for is_train in (True, False):
        try:
            part = datasets.CIFAR10(root, train=is_train, download=False)
        except (RuntimeError, OSError) as error:
            raise DataError(
                f"{str(root / BATCHES)!r} is damaged: {error}. Delete that folder and load again"
            ) from error
        images = torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous()
        parts.append(ImageSet(images, torch.tensor(part.targets), CIFAR10_CLASSES))
    train, test = parts
    return train, test
