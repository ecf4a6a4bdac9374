"""Bring a picture of any size and mode, from a file or from memory, to RGB 32 by 32.

The steps: the first frame of an animation is taken. It is turned as its EXIF tag says. Grey of 16
bits is scaled to 8, and 32-bit grey too, unless it holds bytes. Transparent pixels are laid over
white. Any other mode (grey, palette, CMYK, …) becomes RGB. A picture that is not 32 by 32 is
cropped to its central square and resized (bicubic, antialiased).
"""

from __future__ import annotations

import functools
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from cifarkit.data.forms import Form, form_of
from cifarkit.errors import DataError
from cifarkit.guidance import nearest
from cifarkit.storage.folders import expanded

__all__ = ["FORMATS", "load_picture", "picture_suffixes", "to_rgb_32"]

# Pillow knows more, but unpacks one of them (EPS) by starting another program. Not every Pillow
# has AVIF.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MOST_PIXELS = 50_000_000
SIDE = 32


def load_picture(path: str | Path, forms: set[Form] | None = None) -> Tensor:
    """Read one picture file.

    Args:
        path: a picture file of any size and mode.
        forms: the form of a picture that is not 32 by 32 is added to it.

    Returns:
        uint8 `3 32 32`, 0 to 255.

    Raises:
        DataError: the file is missing, not a picture, cut short, or larger than fifty million
            pixels (refused from its header, before it is unpacked).

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "red.png"
    >>> Image.new("RGB", (64, 48), "red").save(path)
    >>> load_picture(path)[:, 0, 0]
    tensor([255,   0,   0], dtype=torch.uint8)
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow warns of is handled below
            # open() refuses "", which is the current folder to Pillow before 11.3.
            source = expanded(path) if path else path
            with open(source, "rb") as file, Image.open(file, formats=_formats()) as picture:  # noqa: PTH123
                width, height = picture.size
                if width * height > MOST_PIXELS:
                    raise DataError(_too_large(path, f"{width} by {height} pixels"))
                if forms is not None and picture.size != (SIDE, SIDE):
                    forms.add(form_of(picture))
                return to_rgb_32(picture)
    except FileNotFoundError:
        raise DataError(f"there is no picture file {str(path)!r}{_other_way(path)}") from None
    except IsADirectoryError:
        raise DataError(
            f"{str(path)!r} cannot be read as a picture: it is a folder; "
            "pathlib.Path(folder).glob('*.png') gives the pictures in it"
        ) from None
    except Image.DecompressionBombError as error:
        raise DataError(_too_large(path, str(error))) from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{str(path)!r} is not a picture file that can be read: known formats are "
            f"{', '.join(_formats())}"
        ) from error
    except DataError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{str(path)[:200]!r} cannot be read as a picture: {reason}") from error
    except Exception as error:  # Pillow's decoders may raise anything for a broken file
        raise DataError(f"{str(path)!r} cannot be read as a picture: {error}") from error


def to_rgb_32(picture: Image.Image) -> Tensor:
    """Bring one picture to RGB 32 by 32, in the steps at the top of this file.

    Args:
        picture: a Pillow image of any size and mode, except fractions.

    Returns:
        uint8 `3 32 32`, 0 to 255.

    Raises:
        ValueError: it holds fractions, or whole numbers beyond 16 bits.

    >>> to_rgb_32(Image.new("L", (28, 28), 7)).unique()
    tensor([7], dtype=torch.uint8)
    """
    turned = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):
        turned = _eight_bits(turned, has_depth=_has_depth(picture))
    rgb = _to_rgb(turned)
    if rgb.size != (SIDE, SIDE):
        rgb = ImageOps.fit(rgb, (SIDE, SIDE), method=Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(rgb)).permute(2, 0, 1).contiguous()


def _other_way(path: str | Path) -> str:
    """Return a hint for a path that has no file."""
    text, folder = str(path), expanded(path).parent
    if "://" in text or text.startswith("data:"):
        return "; it is an address: fetch the picture first"
    if "*" in text or "?" in text:
        return f"; pathlib.Path({str(folder)!r}).glob({Path(text).name!r}) gives those that fit"
    if not folder.is_dir():
        return f", and no folder {str(folder)!r}"
    close = nearest(Path(text).name, (entry.name for entry in folder.iterdir()), cutoff=0.5)
    return f"; did you mean {close!r}?" if close else ""


@functools.cache
def picture_suffixes() -> frozenset[str]:
    """Return the endings of the files that can be read, in small letters.

    >>> {".jpg", ".jfif", ".png", ".webp"} <= picture_suffixes()
    True
    """
    known = Image.registered_extensions()
    return frozenset(ending for ending, kind in known.items() if kind in FORMATS)


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(kind for kind in FORMATS if kind in Image.OPEN)


def _has_depth(picture: Image.Image) -> bool:
    """Return whether the file's header says that grey has 16 bits."""
    return picture.format is not None and (picture.format, picture.mode) != ("TIFF", "I")


def _eight_bits(picture: Image.Image, *, has_depth: bool) -> Image.Image:
    """Scale 16-bit grey, which Pillow would clip; without a header, values up to 255 are bytes."""
    grey = np.asarray(picture, dtype=np.int64)
    least, most = int(grey.min()), int(grey.max())
    if least < 0 or most > 65_535:
        raise ValueError(
            f"it holds whole numbers {least} to {most}, but 0 to 255 or 0 to 65535 are allowed; "
            "save it with 8 bits"
        )
    return Image.fromarray((grey if most <= 255 and not has_depth else grey // 257).astype("u1"))


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "F":
        raise ValueError("it holds fractions of an unknown range; save it with 8 bits")
    if picture.has_transparency_data:
        see_through = picture.convert("RGBA")
        white = Image.new("RGBA", see_through.size, "white")
        return Image.alpha_composite(white, see_through).convert("RGB")
    return picture.convert("RGB")


def _too_large(path: str | Path, size: str) -> str:
    return (
        f"{str(path)!r} is too large to unpack safely: {size}; allowed are {MOST_PIXELS:,} "
        "pixels. Make it smaller first: only 32 by 32 pixels are kept"
    )
