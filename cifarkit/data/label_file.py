"""Pictures in one folder, and their labels in a file, such as Kaggle's `trainLabels.csv`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cifarkit.data.forms import warn_of_resizing
from cifarkit.data.labels import MISSING
from cifarkit.data.leaks import warn_of_leaks
from cifarkit.data.picture_files import (
    PictureFile,
    absolute,
    list_pictures,
    read_pictures,
    warn_of_left_out,
)
from cifarkit.data.picture_names import PictureNames
from cifarkit.data.splits import SHARE, Splits, complete_splits
from cifarkit.errors import DataError
from cifarkit.guidance import explains_arguments

__all__ = ["load_label_file"]

Column = int | str


@explains_arguments("ck.load_label_file")
def load_label_file(
    images: str | Path,
    labels: str | Path,
    *,
    image_column: Column = 0,
    label_column: Column = 1,
    delimiter: str | None = None,
    test: tuple[str | Path, str | Path] | None = None,
    val: tuple[str | Path, str | Path] | None = None,
    val_size: int | float = SHARE,
    test_size: int | float = SHARE,
    split_seed: int = 0,
) -> Splits:
    r"""Make splits from a folder of picture files and a file with a line for each.

    The line names the picture, with or without folder and ending, and its class. The first line
    may hold the names of the columns. Pictures without a line are left out, and a warning counts
    them. The classes come in alphabetical order, or in the order of their numbers.

    Args:
        images: the folder of the pictures, at any depth.
        labels: the file of the labels, in UTF-8.
        image_column: which column names the picture: its name, or its index, counted from 0.
        label_column: which column names the class.
        delimiter: what stands between the columns; when None, a tab, a comma, a semicolon or
            spaces, as the first line shows.
        test: folder and file of a test set; without one, test is drawn from the pictures.
        val: folder and file of a val set; without one, val is drawn too.
        val_size: how many of the pictures, or which share of them, become val.
        test_size: as `val_size`, for test.
        split_seed: the seed of both draws.

    Returns:
        The three image sets, under the name of the file of labels.

    Raises:
        DataError: a folder, file, column or picture is missing, a picture has two labels, or a
            size is given for a set that is there.

    >>> import tempfile
    >>> from PIL import Image
    >>> root = Path(tempfile.mkdtemp())
    >>> lines = ["id,label"]
    >>> for number in range(8):
    ...     Image.new("RGB", (32, 32), (number, 0, 0)).save(root / f"{number}.png")
    ...     lines.append(f"{number},{'cat' if number % 2 else 'dog'}")
    >>> _ = (root / "trainLabels.csv").write_text("\n".join(lines))
    >>> load_label_file(root, root / "trainLabels.csv", test_size=2, val_size=2).classes
    ('cat', 'dog')
    """
    pairs = {"train": (images, labels)}
    for part, pair in (("test", test), ("val", val)):
        if pair is not None:
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise DataError(f"{part} must be (folder, file of labels), found {pair!r}")
            pairs[part] = (pair[0], pair[1])
    left_out: list[str] = []
    listings = {}
    for part, (folder, file) in pairs.items():
        table = _Table(absolute(file), delimiter, image_column, label_column)
        listings[part] = table.join(absolute(folder), left_out)
    names = {name for _, name in listings["train"]}
    for part, listing in listings.items():
        if unknown := sorted({name for _, name in listing} - names):
            raise DataError(f"{part} has the class {unknown[0]!r}, but train has no picture of it")
    parts, forms = read_pictures(listings, tuple(sorted(names, key=_by_number)))
    splits = complete_splits(
        parts,
        val_size=val_size,
        split_seed=split_seed,
        name=absolute(labels).name,
        test_size=test_size,
    )
    warn_of_left_out(left_out, "without a label")
    warn_of_resizing(forms)
    warn_of_leaks(splits, has_own_val="val" in parts)
    return splits


def _by_number(name: str) -> tuple[bool, int, str, str]:
    """Return a key that sorts numbers by size, before names; they may be too long for `int`."""
    is_number = name.isascii() and name.isdigit()
    digits = name.lstrip("0") if is_number else ""
    return not is_number, len(digits), digits, name


@dataclass(frozen=True)
class _Table:
    """A file of labels, and which of its columns to read."""

    path: Path
    delimiter: str | None
    image_column: Column
    label_column: Column

    def join(self, folder: Path, left_out: list[str]) -> list[tuple[PictureFile, str]]:
        """Return the pictures that have a label, each with its label, sorted by name."""
        if not folder.is_dir():
            raise DataError(f"there is no folder {str(folder)!r} with the pictures")
        pictures = list_pictures(folder, [])
        known = PictureNames(folder, pictures)
        rows = self._rows()
        image, label = (
            self._index(column, rows[0]) for column in (self.image_column, self.label_column)
        )
        if self._has_header(rows, image, known):
            self._check_columns(rows)
            rows = rows[1:]
        labels: dict[PictureFile, str] = {}
        missing = []
        for number, row in enumerate(rows, 1):
            if max(image, label) >= len(row) or row[label] in MISSING:
                raise DataError(
                    f"row {number} of {self.path.name!r} has no label: {row!r}; leave it out, or "
                    "choose columns with image_column= and label_column=, and split them with "
                    "delimiter="
                )
            if (picture := known.find(row[image])) is None:
                missing.append(row[image])
            elif labels.setdefault(picture, row[label]) != row[label]:
                raise DataError(
                    f"{self.path.name!r} gives {row[image]!r} two labels, {labels[picture]!r} and "
                    f"{row[label]!r}; keep one"
                )
        if missing:
            # If all are missing, the first line may hold the names of columns.
            first = missing[1] if len(missing) == len(rows) > 1 else missing[0]
            raise DataError(
                f"{len(missing):,} of the {len(rows):,} pictures that {self.path.name!r} names are "
                f"not in {str(folder)!r}, the first is {first!r}; {known.way_from(first)}"
            )
        left_out += [picture.path for picture in pictures if picture not in labels]
        return [(picture, labels[picture]) for picture in pictures if picture in labels]

    def _rows(self) -> list[list[str]]:
        try:
            text = self.path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"{str(self.path)!r} is not UTF-8: {error}; save it so") from error
        except OSError as error:
            raise DataError(f"the labels {str(self.path)!r} cannot be read: {error}") from error
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines:
            raise DataError(f"the file of labels {str(self.path)!r} is empty")
        if lines[0].lstrip().startswith(("{", "[", "<")):
            raise DataError(
                f"{self.path.name!r} is JSON or a web page, not a table with a line for each "
                "picture, such as '0.png,cat'; pandas.read_json(…).to_csv(…, index=False) makes one"
            )
        delimiter = self.delimiter or next((d for d in "\t,;" if d in lines[0]), None)
        if delimiter in (None, " "):
            return [line.split() for line in lines]
        return [[cell.strip() for cell in row] for row in self._columns(lines, delimiter)]

    def _columns(self, lines: list[str], delimiter: str) -> Iterator[list[str]]:
        """Yield the cells of each line; a quote left open would swallow the lines that follow."""
        try:
            reader = csv.reader([*lines, ""], delimiter=delimiter, skipinitialspace=True)
            for number, (line, row) in enumerate(zip(lines, reader, strict=False), 1):
                if reader.line_num > number:
                    raise DataError(
                        f"the line {line[:80]!r} of {self.path.name!r} opens a quote and does not "
                        "close it; close it, or take the quote away"
                    )
                yield row
        except (csv.Error, TypeError) as error:
            raise DataError(f"{str(self.path)!r} cannot be split into columns: {error}") from error

    def _index(self, column: Column, header: list[str]) -> int:
        if isinstance(column, str):
            if column not in header:
                raise DataError(
                    f"{self.path.name!r} has no column {column!r}; its first line has "
                    f"{', '.join(map(repr, header))}"
                )
            return header.index(column)
        if (
            isinstance(column, bool)
            or not isinstance(column, int)
            or column not in range(len(header))
        ):
            raise DataError(
                f"{self.path.name!r} has no column {column!r}; its first line has {len(header)} "
                f"columns, {', '.join(map(repr, header))}, and delimiter= says what splits them"
            )
        return column

    def _has_header(self, rows: list[list[str]], image: int, known: PictureNames) -> bool:
        """Return whether the first row names columns: it names no picture, and the second does."""
        if isinstance(self.image_column, str) or isinstance(self.label_column, str):
            return True
        return (
            len(rows) > 1
            and known.find(rows[0][image]) is None
            and image < len(rows[1])
            and (known.find(rows[1][image]) is not None)
        )

    def _check_columns(self, rows: list[list[str]]) -> None:
        """Refuse to guess where the first two columns cannot be picture and label."""
        if self.label_column != 1 or len(rows[0]) < 3:
            return
        if not rows[0][0]:  # the index that pandas writes
            raise DataError(
                f"the first column of {self.path.name!r} has no name, as the numbers of rows that "
                f"pandas writes; choose with image_column= and label_column= from {rows[0][1:]}"
            )
        one_hot = ["0"] * (len(rows[0]) - 2) + ["1"]
        if all(sorted(map(_plain_digit, row[1:])) == one_hot for row in rows[1:]):
            raise DataError(
                f"{self.path.name!r} has a column of 0 and 1 for each class; make one column: "
                "table.set_index(table.columns[0]).idxmax(axis=1).to_csv(…)"
            )


def _plain_digit(text: str) -> str:
    return text.removesuffix(".0")
