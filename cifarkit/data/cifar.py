"""CIFAR: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009."""

from __future__ import annotations

from pathlib import Path

import torch

from cifarkit.arguments import checked
from cifarkit.data.archives import CIFAR10, CIFAR100, Archive
from cifarkit.data.cache import cached
from cifarkit.data.download import fetch
from cifarkit.data.image_set import ImageSet
from cifarkit.data.splits import Splits, split_off_val
from cifarkit.data.torchvision_datasets import import_datasets
from cifarkit.errors import DataError
from cifarkit.guidance import explains_arguments
from cifarkit.storage.folders import data_folder, expanded

__all__ = ["find", "load_cifar10", "load_cifar100", "locate"]


@explains_arguments("ck.load_cifar10")
def load_cifar10(
    root: str | Path | None = None,
    *,
    val_size: int | float = 5_000,
    split_seed: int = 0,
    download: bool = True,
) -> Splits:
    """Load CIFAR-10: 50,000 training and 10,000 test images of 10 classes.

    The files are searched in `root`. Without `root`, they are searched in `$CIFARKIT_DATA`, or else
    the user's cache folder, and then in `./data`, where torchvision may have put them. torchvision
    reads and verifies them once; later loads read a tensor file next to them, much faster.

    Args:
        root: the folder that holds `cifar-10-batches-py` or its archive, or will hold it.
        val_size: how many training images, or which share of them, become val.
        split_seed: the seed of that draw.
        download: fetch the archive (170 MB) when it is not found. A broken download is resumed;
            several processes share one download.

    Returns:
        The three image sets, under the name `"CIFAR-10"`.

    Raises:
        DataError: the data set is not found and `download` is False, `download` is neither True nor
            False, or a file is damaged.
        DownloadError: it could not be fetched; the message lists three other ways.
        InstallError: torchvision does not match torch.

    >>> load_cifar10("an-empty-folder", download=False)
    Traceback (most recent call last):
    ...
    cifarkit.errors.DataError: CIFAR-10 is not in 'an-empty-folder'; pass root=, ...
    """
    train, test = _load(CIFAR10, root, download)
    return split_off_val(
        train, test, val_size=val_size, split_seed=split_seed, name="CIFAR-10", source="cifar10"
    )


@explains_arguments("ck.load_cifar100")
def load_cifar100(
    root: str | Path | None = None,
    *,
    val_size: int | float = 5_000,
    split_seed: int = 0,
    download: bool = True,
) -> Splits:
    """Load CIFAR-100: 50,000 training and 10,000 test images of 100 classes (the fine labels).

    It is searched, fetched and cached like CIFAR-10.

    Args:
        root: the folder that holds `cifar-100-python` or its archive, or will hold it.
        val_size: how many training images, or which share of them, become val.
        split_seed: the seed of that draw.
        download: fetch the archive (169 MB) when it is not found.

    Returns:
        The three image sets, under the name `"CIFAR-100"`.

    Raises:
        DataError: the data set is not found and `download` is False, `download` is neither True nor
            False, or a file is damaged.
        DownloadError: it could not be fetched; the message lists three other ways.
        InstallError: torchvision does not match torch.

    >>> load_cifar100("an-empty-folder", download=False)
    Traceback (most recent call last):
    ...
    cifarkit.errors.DataError: CIFAR-100 is not in 'an-empty-folder'; pass root=, ...
    """
    train, test = _load(CIFAR100, root, download)
    return split_off_val(
        train, test, val_size=val_size, split_seed=split_seed, name="CIFAR-100", source="cifar100"
    )


def find(
    archive: Archive,
    root: str | Path | None = None,
    *,
    download: bool = True,
) -> Path:
    """Return the folder that holds an unpacked archive; fetch it when it is missing.

    Args:
        archive: which one.
        root: the folder that holds it, or will hold it; by default, as in `load_cifar10`.
        download: fetch it when it is not found.

    Raises:
        DataError: it is not found, or damaged, and `download` is False.
        DownloadError: it could not be fetched.
    """
    path = locate(archive, root)
    if path is not None and path.name == archive.folder:
        return path.parent
    if path is None and not download:
        raise DataError(_not_found(archive, _folders(root)))
    if path is not None and not download and not archive.is_whole(path):
        raise DataError(
            f"{str(path)!r} is damaged or cut short; put a whole file there, or allow download=True"
        )
    folder = _home(root) if path is None else path.parent
    fetch(archive, folder)  # a whole archive is only unpacked
    return folder


def locate(archive: Archive, root: str | Path | None = None) -> Path | None:
    """Return where an archive lies: its folder when unpacked, else its file, else None.

    Nothing is fetched or unpacked.

    Args:
        archive: which one.
        root: the folder that may hold it; by default, as in `load_cifar10`.

    Raises:
        DataError: the disk cannot be read.

    >>> locate(CIFAR10, "an-empty-folder")
    """
    folders = _folders(root)
    unpacked = [folder / archive.folder for folder in folders]
    packed = [folder / archive.file for folder in folders]
    try:
        paths = [path for path in unpacked if path.is_dir()]
        paths += [path for path in packed if path.is_file()]
    except OSError as error:  # such as a name too long for any disk
        raise DataError(f"{archive.title} cannot be looked for: {error}") from error
    return paths[0] if paths else None


def _not_found(archive: Archive, folders: list[Path]) -> str:
    """Return the message for an archive that lies in none of these folders."""
    way = (
        f"pass root=, the folder that holds {archive.folder!r}, set $CIFARKIT_DATA, or allow "
        "download=True"
    )
    if (folders[0] / "train").is_dir():
        way = f"its train/<class>/ is read by ck.load_image_folder({str(folders[0])!r})"
    return f"{archive.title} is not in {' nor '.join(repr(str(path)) for path in folders)}; {way}"


def _folders(root: str | Path | None) -> list[Path]:
    return [_home(root)] if root is not None else [_home(root), Path("data")]


def _home(root: str | Path | None) -> Path:
    return data_folder() if root is None else expanded(root)


def _load(archive: Archive, root: str | Path | None, download: bool) -> tuple[ImageSet, ...]:
    """Return train and test from the tensor file, or else from wherever the data set is."""
    checked("download", download, bool)

    def read() -> tuple[ImageSet, ...]:
        import_datasets()  # fail before the download, not after it
        return _read(archive, find(archive, root, download=download))

    return cached(_home(root) / f"{archive.name}.safetensors", read)


def _read(archive: Archive, root: Path) -> tuple[ImageSet, ...]:
    dataset = getattr(import_datasets(), archive.name.upper())
    parts = []
    for is_train in (True, False):
        try:
            part = dataset(root, train=is_train, download=False)
        except (RuntimeError, OSError) as error:
            raise DataError(
                f"{str(root / archive.folder)!r} is damaged: {error}. Delete that folder and load "
                "again"
            ) from error
        images = torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous()
        parts.append(ImageSet(images, torch.tensor(part.targets), tuple(part.classes)))
    return tuple(parts)
