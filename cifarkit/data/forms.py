"""Size and kind of pictures before they were brought to RGB 32 by 32, and a warning about that."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from PIL import Image

from cifarkit.warn import warn

__all__ = ["Form", "form_of", "warn_of_resizing"]

GREY = ("1", "L", "I")  # Pillow's modes; the last in several orders of bytes


@dataclass(frozen=True)
class Form:
    """Size and kind of pictures.

    Args:
        width: the width in pixels.
        height: the height in pixels.
        channels: 1 for grey, 3 for RGB, 4 for RGBA.
        is_flat: whether each was a row of numbers.

    >>> str(Form(28, 28, 1)), str(Form(28, 28, 1, is_flat=True))
    ('28 by 28, grey', 'rows of 784 numbers')
    """

    width: int
    height: int
    channels: int = 3
    is_flat: bool = False

    def __str__(self) -> str:
        if self.is_flat:
            planes = ", red before green before blue" * (self.channels == 3)
            return f"rows of {self.width * self.height * self.channels:,} numbers{planes}"
        kind = {1: ", grey", 3: "", 4: ", RGBA"}[self.channels]
        return f"{self.width} by {self.height}{kind}"

    @property
    def is_plain(self) -> bool:
        """Whether nothing needs to be done: RGB 32 by 32, also in rows."""
        return (self.width, self.height, self.channels) == (32, 32, 3)


def form_of(picture: Image.Image) -> Form:
    """Return the form of a Pillow image.

    >>> str(form_of(Image.new("I;16", (28, 20))))
    '28 by 20, grey'
    """
    is_grey = picture.mode.partition(";")[0] in GREY
    return Form(picture.width, picture.height, 1 if is_grey else 3)


def warn_of_resizing(forms: Collection[Form]) -> None:
    """Warn once which pictures were brought to RGB 32 by 32, and how; do nothing without any.

    Args:
        forms: size and kind of the pictures before.
    """
    if forms:
        first, *others = sorted(map(str, forms))
        more = f" and {len(others):,} other kinds" if others else ""
        warn(
            "pictures were brought to RGB 32 by 32, as picture files are: "
            f"{', '.join(_steps(forms))}; they were {first}{more}"
        )


def _steps(forms: Collection[Form]) -> Iterator[str]:
    """Yield each step that was done to some of the pictures, in order."""
    if any(form.channels == 4 for form in forms):
        yield "transparent pixels over white"
    if any(form.channels == 1 for form in forms):
        yield "grey as three equal channels"
    if any(form.width != form.height for form in forms):
        yield "the central square"
    if any((form.width, form.height) != (32, 32) for form in forms):
        yield "resized (bicubic)"
