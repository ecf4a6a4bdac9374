"""Find picture files by any name that a line in a file of labels may give them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from cifarkit.data.picture_files import PictureFile
from cifarkit.errors import DataError

__all__ = ["PictureNames"]


class PictureNames:
    """The pictures in a folder, by name.

    A name is the path from the folder's parent, the path from the folder, or the file's name alone,
    each with or without the ending.

    Args:
        folder: the folder of the pictures.
        pictures: the pictures in it, at any depth.

    >>> names = PictureNames(Path("/d/img"), [PictureFile("/d/img/cats/007.png", 0, 0)])
    >>> names.find("img/cats/007.png").path, names.find("8")
    ('/d/img/cats/007.png', None)
    >>> names.way_from("x/007.png")
    "'007.png' is there, but not in 'x'; leave that out of the names"
    """

    def __init__(self, folder: Path, pictures: Sequence[PictureFile]) -> None:
        self._by_name: dict[str, list[PictureFile]] = defaultdict(list)
        self._by_number: dict[str, str] = {}
        for picture in pictures:
            inside = Path(picture.path).relative_to(folder)
            whole = {str(Path(folder.name) / inside), str(inside), inside.name, picture.path}
            for name in whole | {str(Path(name).with_suffix("")) for name in whole}:
                self._by_name[name.replace("\\", "/")].append(picture)
            if inside.stem.isdecimal():
                self._by_number[inside.stem.lstrip("0")] = inside.stem

    def find(self, name: str) -> PictureFile | None:
        """Return the picture that a line names, or None.

        Raises:
            DataError: it names several pictures.
        """
        pictures = self._by_name.get(_plain(name), ())
        if len(pictures) > 1:
            raise DataError(
                f"{name!r} may be {pictures[0].path!r} or {pictures[1].path!r}; give the "
                "name with its folder and ending"
            )
        return pictures[0] if pictures else None

    def way_from(self, name: str) -> str:
        """Return how an unknown name differs from a picture's name, and what to do.

        A near name is not used in its place: it may be another picture.
        """
        folder, _, last = _plain(name).rpartition("/")
        if folder and last in self._by_name:
            return f"{last!r} is there, but not in {folder!r}; leave that out of the names"
        number = last.partition(".")[0] if last.endswith(".0") else last
        if near := self._by_number.get(number.lstrip("0")) if number.isdecimal() else None:
            return (
                f"{near!r} is there, so write the names in the same way, such as with "
                f"ids.astype(float).astype(int).map('{{:0{len(near)}d}}'.format)"
            )
        return "image_column= chooses the column of the names"


def _plain(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")
