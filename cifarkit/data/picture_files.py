"""Picture files in folders: found at any depth, read once; other files are counted."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track

from cifarkit.data.cache import cached
from cifarkit.data.forms import Form
from cifarkit.data.image_set import ImageSet
from cifarkit.data.pictures import load_picture, picture_suffixes
from cifarkit.errors import DataError
from cifarkit.storage.folders import data_folder, expanded
from cifarkit.warn import warn

__all__ = [
    "PictureFile",
    "absolute",
    "is_hidden",
    "list_pictures",
    "read_pictures",
    "unreadable",
    "warn_of_left_out",
]

# Files and folders that systems leave behind.
LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "@eadir"})


@dataclass(frozen=True)
class PictureFile:
    """A picture file, with its size and time, which show a change.

    Args:
        path: absolute.
        size: the size in bytes.
        modified: the time of the last change, in nanoseconds.
    """

    path: str
    size: int
    modified: int


def absolute(root: str | Path) -> Path:
    """Return the absolute path of a folder or file.

    Two folders with the same relative name, in different places, must not share a cache.

    Raises:
        DataError: it cannot be a path.
    """
    try:
        return expanded(root).resolve()
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise DataError(f"{str(root)!r} cannot be the path of a folder: {error}") from error


def is_hidden(name: str) -> bool:
    """Return whether a file or folder belongs to the system or a tool, not to the user.

    >>> is_hidden("._1.png"), is_hidden("Thumbs.db"), is_hidden("1.png")
    (True, True, False)
    """
    return name.startswith(".") or name.lower() in LITTER


def list_pictures(folder: Path, left_out: list[str]) -> list[PictureFile]:
    """List the picture files of a folder and its sub-folders, in the order of their names.

    Args:
        folder: where to look; links are followed.
        left_out: the paths of the other files are added to it, without hidden ones.

    Raises:
        DataError: a folder cannot be read, or a link leads nowhere or back up.
    """
    pictures: list[PictureFile] = []
    try:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if is_hidden(entry.name):
                continue
            status = entry.stat()  # an error for a link that leads nowhere
            is_picture = Path(entry.name).suffix.lower() in picture_suffixes()
            if entry.is_dir() and not is_picture:
                if entry.is_symlink() and folder.resolve().is_relative_to(Path(entry).resolve()):
                    raise OSError(f"the link {entry.name!r} leads back to a folder above it")
                pictures += list_pictures(folder / entry.name, left_out)
            elif is_picture and not stat.S_ISFIFO(status.st_mode):  # a pipe would be waited for
                pictures.append(PictureFile(entry.path, status.st_size, status.st_mtime_ns))
            else:
                left_out.append(entry.path)
    except OSError as error:
        raise unreadable(folder, error) from error
    return pictures


def unreadable(folder: Path, error: OSError) -> DataError:
    """Return the error of a folder that cannot be read."""
    return DataError(
        f"the folder {str(folder)!r} cannot be read: {error}; get the right to read it, and "
        "remove links that lead nowhere"
    )


def warn_of_left_out(left_out: Sequence[str], reason: str) -> None:
    """Warn how many files were skipped, if any.

    Args:
        left_out: their paths.
        reason: why, such as "without a label".
    """
    if left_out:
        names = ", ".join(repr(Path(path).name) for path in left_out[:3])
        more = ", …" * (len(left_out) > 3)
        warn(
            f"skipped {len(left_out):,} files {reason}: {names}{more}",
        )


def read_pictures(
    listings: dict[str, list[tuple[PictureFile, str]]], classes: tuple[str, ...]
) -> tuple[dict[str, ImageSet], set[Form]]:
    """Read the pictures of all parts, or take them from the cache if none has changed.

    Args:
        listings: picture files and the name of the class of each, for each part.
        classes: the names of the classes.

    Returns:
        An image set for each part, and the forms of those brought to 32 by 32 in this read.
    """
    forms: set[Form] = set()

    def read() -> tuple[ImageSet, ...]:
        numbers = {name: number for number, name in enumerate(classes)}
        total = sum(map(len, listings.values()))
        sets = []
        with closing(_with_bar(total)) as bar:
            for pictures in listings.values():
                images = torch.empty(len(pictures), 3, 32, 32, dtype=torch.uint8)
                for index, (picture, _) in enumerate(pictures):
                    images[index] = load_picture(picture.path, forms)
                    next(bar)
                labels = torch.tensor([numbers[name] for _, name in pictures], dtype=torch.int64)
                sets.append(ImageSet(images, labels, classes))
        return tuple(sets)

    key = _key(listings, classes)
    sets = cached(data_folder() / "folders" / f"{key}.safetensors", read, tuple(listings))
    return dict(zip(listings, sets, strict=True)), forms


def _key(listings: dict[str, list[tuple[PictureFile, str]]], classes: tuple[str, ...]) -> str:
    digest = hashlib.sha256(b"RGB 32 by 32, version 3")
    digest.update(repr(classes).encode("utf-8", "surrogateescape"))
    for part, pictures in listings.items():
        for picture in pictures:
            digest.update(repr((part, picture)).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _with_bar(total: int) -> Generator[None, None, None]:
    """Give a step for every picture, drawing a bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    steps = range(total)
    quiet = sys.stderr is None or not console.is_terminal
    console.quiet = quiet  # rich before 14 ends a disabled bar with an empty line
    for _ in track(steps, "Reading pictures, once", console=console, disable=quiet, transient=True):
        yield
