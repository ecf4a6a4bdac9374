"""A folder of picture files: root/train/<class>/*, root/test/<class>/*, root/val/<class>/*."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cifarkit.data.forms import warn_of_resizing
from cifarkit.data.leaks import warn_of_leaks
from cifarkit.data.picture_files import (
    PictureFile,
    absolute,
    is_hidden,
    list_pictures,
    read_pictures,
    unreadable,
    warn_of_left_out,
)
from cifarkit.data.pictures import picture_suffixes
from cifarkit.data.splits import SHARE, Splits, complete_splits
from cifarkit.errors import DataError
from cifarkit.guidance import explains_arguments

__all__ = ["load_image_folder"]

# What people call the folder of each part, in any case.
PARTS = {
    "train": ("train", "training", "training_set", "train_set", "seg_train"),
    "val": ("val", "valid", "validation", "dev", "eval", "validation_set", "val_set"),
    "test": ("test", "testing", "test_set", "testing_set", "seg_test"),
}
Listing = list[tuple[PictureFile, str]]


@explains_arguments("ck.load_image_folder")
def load_image_folder(
    root: str | Path,
    *,
    val_size: int | float = SHARE,
    split_seed: int = 0,
    test_size: int | float = SHARE,
) -> Splits:
    """Make splits from picture files, in `root/train/<class>/*` and `root/test/<class>/*`.

    A folder `root/val/<class>/*` (also called `valid` or `validation`) is the val set. Where
    there is no val or no test, it is drawn from train. From `root/<class>/*`, where there is no
    `train`, all three are drawn.

    The classes are the folders' names in alphabetical order, the same in all parts. The pictures
    of a class, with those in its sub-folders, come in the order of their names. Every picture is
    brought to RGB 32 by 32 (see `cifarkit.data.pictures`). The first load reads every file, with a
    progress bar on a terminal, and writes one tensor file into the data folder (`$CIFARKIT_DATA`,
    or the user's cache). Later loads read that, until a file's name, size or time changes.

    Args:
        root: the folder that holds `train` and `test`, or the classes.
        val_size: how many training images, or which share of them, become val where there is no
            such folder.
        split_seed: the seed of these draws.
        test_size: as `val_size`, for test.

    Returns:
        The three image sets, under the name of the folder. Warnings say what was drawn for test,
        which files were skipped, what was resized, and when more than one test picture in a
        hundred is a training picture too.

    Raises:
        DataError: a folder is missing or empty, the classes differ, a picture cannot be read, or
            a size is given for a part that has a folder; the message names it.

    >>> import tempfile
    >>> from PIL import Image
    >>> root = Path(tempfile.mkdtemp()) / "pets"
    >>> for path, grey in {"train/cat": 0, "train/dog": 1, "test/cat": 2, "test/dog": 3}.items():
    ...     (root / path).mkdir(parents=True)
    ...     Image.new("L", (32, 32), grey).save(root / path / "1.png")
    >>> load_image_folder(root, val_size=0)
    Splits('pets': train 2, val 0, test 2, 2 classes, 69ed7d15e967)
    """
    root = absolute(root)
    left_out: list[str] = []
    folders = _part_folders(root)
    if folders["train"] != root:
        others = [folder for folder in _folders_in(root) if folder not in folders.values()]
        left_out += [file.path for folder in others for file in list_pictures(folder, [])]
    listings = {part: _list_classes(folder, left_out) for part, folder in folders.items()}
    if "test" in listings and not listings["test"]:
        left_out += [picture.path for picture in list_pictures(folders["test"], left_out)]
        del listings["test"]  # its pictures lie in no class folder
    classes = _shared_classes(root, listings)
    parts, forms = read_pictures(listings, classes)
    splits = complete_splits(
        parts,
        val_size=val_size,
        split_seed=split_seed,
        name=root.name,
        test_size=test_size,
        source=str(root),
    )
    endings = ", ".join(sorted(picture_suffixes()))
    warn_of_left_out(left_out, f"that are not pictures in the folder of a class ({endings})")
    warn_of_resizing(forms)
    warn_of_leaks(splits, has_own_val="val" in parts)
    return splits


def _part_folders(root: Path) -> dict[str, Path]:
    """Return the folder of each part; only train's if the classes lie in the root itself."""
    inside = _folders_in(root)
    candidates = {
        part: [folder for folder in inside if folder.name.lower() in names]
        for part, names in PARTS.items()
    }
    for part, folders in candidates.items():
        if len(folders) > 1:
            raise DataError(
                f"{str(root)!r} holds {' and '.join(repr(folder.name) for folder in folders)}, "
                f"which are both {part}; keep one of them"
            )
    if candidates["train"]:
        return {part: folders[0] for part, folders in candidates.items() if folders}
    if candidates["test"] or candidates["val"] or len(inside) < 2:
        nested = [folder for folder in inside if len(_folders_in(folder)) > 1]
        way = f"; {str(nested[0])!r} has folders in it" if nested else ""
        raise DataError(
            f"there is no folder {str(root / 'train')!r}{way}; an image folder holds "
            "train/<class>/ and test/<class>/, or <class>/ alone, with picture files in them"
        )
    return {"train": root}


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(
            folder / entry.name
            for entry in os.scandir(folder)
            if entry.is_dir() and not is_hidden(entry.name)
        )
    except NotADirectoryError:
        raise DataError(
            f"{str(folder)!r} is a file, not a folder; unpack an archive first"
        ) from None
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(folder, error) from error


def _list_classes(folder: Path, left_out: list[str]) -> Listing:
    """List the pictures of all classes; pictures next to the folders are left out."""
    classes = _folders_in(folder)
    try:
        left_out += sorted(
            entry.path
            for entry in os.scandir(folder)
            if Path(entry.name).suffix.lower() in picture_suffixes()
            and not is_hidden(entry.name)
            and classes
            and not entry.is_dir()
        )
    except OSError as error:
        raise unreadable(folder, error) from error
    listing = []
    for class_folder in classes:
        pictures = list_pictures(class_folder, left_out)
        if not pictures:
            raise DataError(
                f"the folder {str(class_folder)!r} holds no picture file; known endings are "
                f"{', '.join(sorted(picture_suffixes()))}"
            )
        listing += [(picture, class_folder.name) for picture in pictures]
    return listing


def _shared_classes(root: Path, listings: dict[str, Listing]) -> tuple[str, ...]:
    names = {part: {label for _, label in listing} for part, listing in listings.items()}
    train = names["train"]
    if len(train) < 2 or any(classes != train for classes in names.values()):
        raise DataError(
            f"{str(root)!r} needs the same two or more class folders under "
            f"{' and '.join(names)}; found {' and '.join(str(sorted(n)) for n in names.values())}. "
            "ck.load_label_file reads labels that stand in a file"
        )
    for name in (root.name, *sorted(train)):
        _check_unicode(name)
    return tuple(sorted(train))


def _check_unicode(name: str) -> None:
    """Refuse a name that figures and files cannot hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        encoding = sys.getfilesystemencoding()
        hint = "is not UTF-8; rename it"
        if encoding != "utf-8" and _is_utf_8(os.fsencode(name)):
            hint = f"is UTF-8, but Python reads names as {encoding}; set PYTHONUTF8=1 first"
        raise DataError(f"the name of the folder {name!r} {hint}") from None


def _is_utf_8(name: bytes) -> bool:
    try:
        return bool(name.decode())
    except UnicodeDecodeError:
        return False
