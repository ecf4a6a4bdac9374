"""Picture files under all names that a line in a file of labels may give them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from cifarkit.data.picture_files import PictureFile
from cifarkit.errors import DataError

__all__ = ["PictureNames"]


class PictureNames:
    """The pictures in a folder, by name.

    Each goes by its path from the folder's own parent, from the folder, or by its plain name; all
    of these with and without the ending.

    Args:
        folder: of the pictures.
        pictures: in it, at any depth.

    >>> names = PictureNames(Path("/d/img"), [PictureFile("/d/img/cats/007.png", 0, 0)])
    >>> names.find("img/cats/007.png").path, names.find("8")
    ('/d/img/cats/007.png', None)
    >>> names.way_from("x/007.png")
    "'007.png' is there, and not in 'x'; leave that out of the names"
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
            DataError: there are several.
        """
        found = self._by_name.get(_plain(name), ())
        if len(found) > 1:
            raise DataError(
                f"{name!r} may be {found[0].path!r} or {found[1].path!r}; name the picture with "
                "its folder and ending"
            )
        return found[0] if found else None

    def way_from(self, name: str) -> str:
        """Say how a name that is no picture's differs from one that is, and what to do.

        What comes near is not taken for it: it may be another picture of the same name.
        """
        place, _, last = _plain(name).rpartition("/")
        if place and last in self._by_name:
            return f"{last!r} is there, and not in {place!r}; leave that out of the names"
        number = last.partition(".")[0] if last.endswith(".0") else last
        if near := self._by_number.get(number.lstrip("0")) if number.isdecimal() else None:
            return (
                f"{near!r} is there, so write names as it is written, such as by "
                f"ids.astype(float).astype(int).map('{{:0{len(near)}d}}'.format)"
            )
        return "image_column= chooses the column that names them"


def _plain(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")
