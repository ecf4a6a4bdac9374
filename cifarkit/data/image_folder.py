"""A folder of picture files: root/train/<class>/* and root/test/<class>/*."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track

from cifarkit.data.cache import cached
from cifarkit.data.image_set import ImageSet
from cifarkit.data.leaks import warn_of_leaks
from cifarkit.data.pictures import PICTURE_SUFFIXES, load_picture
from cifarkit.data.splits import Splits, split_off_val
from cifarkit.errors import DataError
from cifarkit.storage.folders import data_folder, expanded

__all__ = ["load_image_folder"]


def load_image_folder(
    root: str | Path, *, val_size: int | float = 0.1, split_seed: int = 0
) -> Splits:
    """Make splits from picture files, in `root/train/<class>/*` and `root/test/<class>/*`.

    The classes are the folders' names in alphabetical order, the same under train and test;
    the pictures of a class come in the order of their names. Every picture is brought to RGB 32
    by 32 (see `cifarkit.data.pictures`). The first load reads every file, with a progress bar
    on a terminal; it leaves one tensor file in the data folder (`$CIFARKIT_DATA`, or the user's
    cache), and until a file's name, size or time changes, later loads take that.

    Args:
        root: the folder that holds `train` and `test`.
        val_size: how many training images, or which share of them, become val.
        split_seed: the seed of that draw.

    Returns:
        The three image sets, under the name of the folder. A warning says so when more than one
        test picture in a hundred is a training picture too.

    Raises:
        DataError: a folder is missing or empty, the classes differ, or a picture cannot be
            read; the message names it.

    >>> import tempfile
    >>> from PIL import Image
    >>> root = Path(tempfile.mkdtemp()) / "pets"
    >>> for place, grey in {"train/cat": 0, "train/dog": 1, "test/cat": 2, "test/dog": 3}.items():
    ...     (root / place).mkdir(parents=True)
    ...     Image.new("L", (40, 40), grey).save(root / place / "1.png")
    >>> load_image_folder(root, val_size=0)
    Splits('pets': train 2, val 0, test 2, 2 classes, 69ed7d15e967)
    """
    root = _absolute(root)
    listings = {part: _list_pictures(root / part) for part in ("train", "test")}
    classes = _shared_classes(root, listings)
    key = _key(listings)

    def read() -> tuple[ImageSet, ImageSet]:
        total = sum(len(pictures) for pictures in listings.values())
        with closing(_with_bar(total)) as bar:
            train, test = (_read(listings[part], classes, bar) for part in ("train", "test"))
        return train, test

    train, test = cached(data_folder() / "folders" / f"{key}.safetensors", read)
    splits = split_off_val(
        train, test, val_size=val_size, split_seed=split_seed, name=root.name, source=str(root)
    )
    warn_of_leaks(splits)
    return splits


def _absolute(root: str | Path) -> Path:
    # Two folders of the same relative name, seen from two places, must not share a cache.
    try:
        return expanded(root).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{str(root)!r} cannot be the path of a folder: {error}") from error


@dataclass(frozen=True)
class _Picture:
    path: str
    label: str
    size: int
    modified: int


def _list_pictures(folder: Path) -> list[_Picture]:
    try:
        classes = sorted(
            entry.name
            for entry in os.scandir(folder)
            if entry.is_dir() and not entry.name.startswith(".")
        )
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f"there is no folder {str(folder)!r}; an image folder holds train/<class>/ and "
            "test/<class>/ with picture files in them"
        ) from None
    except OSError as error:
        raise _unreadable(folder, error) from error
    return [picture for name in classes for picture in _list_class(folder / name)]


def _unreadable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"the folder {str(folder)!r} cannot be read: {error}; get the right to read it, and take "
        "links away that lead nowhere"
    )


def _list_class(folder: Path) -> list[_Picture]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        pictures = [
            _Picture(entry.path, folder.name, entry.stat().st_size, entry.stat().st_mtime_ns)
            for entry in entries
            if Path(entry.name).suffix.lower() in PICTURE_SUFFIXES
            and not entry.name.startswith(".")
            and not stat.S_ISFIFO(entry.stat().st_mode)  # a pipe would be waited for
        ]
    except OSError as error:  # also a link that leads nowhere
        raise _unreadable(folder, error) from error
    if not pictures:
        raise DataError(
            f"the folder {str(folder)!r} holds no picture file; known endings are "
            f"{', '.join(sorted(PICTURE_SUFFIXES))}"
        )
    return pictures


def _shared_classes(root: Path, listings: dict[str, list[_Picture]]) -> tuple[str, ...]:
    train, test = ({picture.label for picture in pictures} for pictures in listings.values())
    if train != test or len(train) < 2:
        raise DataError(
            f"{str(root)!r} needs the same two or more class folders under train and test; "
            f"found {sorted(train)} and {sorted(test)}"
        )
    for name in (root.name, *sorted(train)):
        _check_unicode(name)
    return tuple(sorted(train))


def _check_unicode(name: str) -> None:
    """Refuse a name that no figure can show and no file hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DataError(f"the name of the folder {name!r} is no UTF-8; rename it") from None


def _key(listings: dict[str, list[_Picture]]) -> str:
    digest = hashlib.sha256(b"RGB 32 by 32, version 1")
    for part, pictures in listings.items():
        for picture in pictures:
            digest.update(repr((part, picture)).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _with_bar(total: int) -> Generator[None, None, None]:
    """Give a step for every picture, drawing a bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    steps = range(total)
    quiet = sys.stderr is None or not console.is_terminal
    for _ in track(steps, "Reading pictures, once", console=console, disable=quiet, transient=True):
        yield


def _read(pictures: list[_Picture], classes: tuple[str, ...], bar: Iterator[None]) -> ImageSet:
    images = torch.empty(len(pictures), 3, 32, 32, dtype=torch.uint8)
    for index, picture in enumerate(pictures):
        images[index] = load_picture(picture.path)
        next(bar)
    numbers = {name: number for number, name in enumerate(classes)}
    return ImageSet(images, torch.tensor([numbers[p.label] for p in pictures]), classes)
