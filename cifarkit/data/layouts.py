"""Arrays of pictures in any layout, size and range that has one meaning, to uint8 `n 3 32 32`."""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cifarkit.data.foreign_arrays import gathered
from cifarkit.data.image_set import IMAGE_SHAPE
from cifarkit.data.pictures import to_rgb_32
from cifarkit.errors import DataError

__all__ = ["RANGES", "form_of", "images_from_array", "shape_of", "to_byte_range"]

Array = np.ndarray[Any, Any]
RANGES = {(0, 1): (0, 255), (-1, 1): (1, 127.5), (0, 255): (0, 1)}  # what is added, and the scale
CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}  # and Pillow's name of a picture with so many
LEAST_SIDE = 8  # pixels; a shorter axis is not a side of a picture
LAYOUTS = "n 3 32 32, n 32 32 3, grey n 28 28 and the like, of any size"


def images_from_array(
    array: Any, name: str, *, count: int | None = None, value_range: Any = None
) -> tuple[Tensor, set[str]]:
    """Bring pictures in an array to bytes, and to RGB 32 by 32 where they are something else.

    Args:
        array: `n 3 h w`, `n h w 3`, with 1 or 4 channels in place of 3, grey `n h w`, `h w 3 n` as
            MATLAB keeps them, one picture `h w 3`, or rows such as CIFAR's `n 3072`; or several
            pictures of Pillow's or arrays of different sizes. Whole numbers 0 to 255, or fractions
            as `to_byte_range` takes them.
        name: of the argument, for messages.
        count: how many pictures there are, where that is known.
        value_range: the numbers that mean black and white; told from the numbers when None.

    Returns:
        uint8 `n 3 32 32`, and what the pictures were where they were something else.

    Raises:
        DataError: the array has another shape, type or range, or more than one meaning.

    >>> images, forms = images_from_array(np.zeros((9, 28, 28), np.uint8), "x")
    >>> images.shape, forms
    (torch.Size([9, 3, 32, 32]), {'28 by 28, grey'})
    """
    array = gathered(array, name)
    if isinstance(array, list):
        return _from_sequence(array, name, value_range)
    pixels, is_flat = _channels_last(array, name, count)
    pixels = to_byte_range(pixels, name, value_range)
    forms = {form_of(pixels.shape[1:])} if pixels.shape[1:] != (32, 32, 3) else set()
    if is_flat:
        planes = ", red before green before blue" * (pixels.shape[3] == 3)
        forms = {f"rows of {pixels[0].size if len(pixels) else 0:,} numbers{planes}"}
    if pixels.shape[1:] == (32, 32, 3):
        # One writable copy in this machine's byte order, whatever came in.
        planes = pixels.transpose(0, 3, 1, 2).astype(np.uint8, order="C", copy=True)
        return torch.from_numpy(planes), forms
    mode = CHANNELS[pixels.shape[3]]
    images = torch.empty(len(pixels), *IMAGE_SHAPE, dtype=torch.uint8)
    for index, picture in enumerate(pixels.astype(np.uint8)):
        plain = np.ascontiguousarray(picture[..., 0] if mode == "L" else picture)
        images[index] = to_rgb_32(Image.fromarray(plain))
    return images, forms


def to_byte_range(pixels: Array, name: str, value_range: Any = None) -> Array:
    """Return numbers as whole ones from 0 to 255.

    Args:
        pixels: whole numbers 0 to 255, in floats too; fractions from 0 to 1; or fractions from -1
            to 1, some of them negative.
        name: of the argument, for messages.
        value_range: `(0, 1)`, `(-1, 1)` or `(0, 255)`; told from the numbers when None.

    Raises:
        DataError: they are something else.

    >>> to_byte_range(np.array([0, 0.5, 1]), "x"), to_byte_range(np.array([-1.0, 1]), "x")
    (array([  0, 128, 255], dtype=uint8), array([  0, 255], dtype=uint8))
    """
    if pixels.dtype.kind not in "iuf":
        cure = "(x * 255).astype('uint8')" if pixels.dtype.kind == "b" else "x.astype('uint8')"
        raise DataError(
            f"{name} must hold whole numbers 0 to 255 or fractions 0 to 1, found {pixels.dtype}; "
            f"try {cure}"
        )
    if pixels.dtype.kind in "iu" and value_range not in (None, (0, 255)):
        raise DataError(_no_fractions(name, str(pixels.dtype)))
    if pixels.size == 0 or pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise DataError(
            f"{name} has {int((~np.isfinite(pixels)).sum()):,} numbers that are NaN or infinite; "
            "leave their pictures out, or give them a value: numpy.nan_to_num(x)"
        )
    least, most = pixels.min(), pixels.max()
    is_said = value_range is not None
    value_range = value_range or _range_of([pixels])
    move, scale = RANGES[value_range]
    if not (value_range[0] <= least and most <= value_range[1]):
        if is_said:
            raise DataError(
                f"{name} must hold {value_range[0]} to {value_range[1]}, as value_range= says, "
                f"found {float(least):g} to {float(most):g}; leave it out, or give the right one"
            )
        raise DataError(_out_of_range(name, pixels, least, most))
    if pixels.dtype.kind in "iu":
        return pixels
    bytes_: Array = ((pixels.astype(np.float32) + move) * scale).round().astype(np.uint8)
    return bytes_


def shape_of(array: Array) -> str:
    """Write a shape as all messages do, such as `n 3 32 32`."""
    return " ".join(map(str, array.shape)) or "a single number"


def form_of(shape: tuple[int, ...]) -> str:
    """Say what pictures `h w channels` are, such as "28 by 28, grey"."""
    height, width, channels = shape
    return f"{width} by {height}{ {1: ', grey', 3: '', 4: ', RGBA'}[channels] }"


def _from_sequence(pictures: list[Any], name: str, value_range: Any) -> tuple[Tensor, set[str]]:
    floats = [item for item in pictures if getattr(item, "dtype", np.dtype("u1")).kind == "f"]
    if value_range is not None and not floats:
        raise DataError(_no_fractions(name, "pictures of whole numbers"))
    if value_range is None:  # one for all: a bright picture alone might seem to have another
        value_range = _range_of(floats) if floats else None
    images, forms = torch.empty(len(pictures), *IMAGE_SHAPE, dtype=torch.uint8), set()
    for index, picture in enumerate(pictures):
        title = f"picture {index} of {name}"
        if isinstance(picture, Image.Image):
            images[index], found = _from_pillow(picture, title)
        else:
            single = picture[None] if picture.ndim in (2, 3) else picture
            meant = value_range if picture.dtype.kind == "f" else None
            taken, found = images_from_array(single, title, count=1, value_range=meant)
            images[index] = taken[0]
        forms |= found
    return images, forms


def _from_pillow(picture: Image.Image, title: str) -> tuple[Tensor, set[str]]:
    if 0 in picture.size:
        raise DataError(f"{title} is {picture.width} by {picture.height}, and has no pixels")
    try:
        image = to_rgb_32(picture)
    except (ValueError, OSError) as error:  # fractions; a file that is cut short
        raise DataError(f"{title} cannot be used: {error}") from error
    grey = ", grey" * (picture.mode in ("1", "L", "I;16"))
    is_other = bool(grey) or picture.size != IMAGE_SHAPE[1:]
    return image, {f"{picture.width} by {picture.height}{grey}"} if is_other else set()


def _channels_last(array: Array, name: str, count: int | None) -> tuple[Array, bool]:
    """Return a view `n h w channels`, and whether the pictures were rows of numbers."""
    shape = array.shape
    if array.ndim == 2 and (side := isqrt(shape[1])) >= LEAST_SIDE and side * side == shape[1]:
        return array.reshape(len(array), side, side, 1), True
    if (
        array.ndim == 2
        and shape[1] == 3 * (side := isqrt(shape[1] // 3)) ** 2
        and side >= LEAST_SIDE
    ):
        return array.reshape(len(array), 3, side, side).transpose(0, 2, 3, 1), True
    views = []
    if array.ndim == 3 and (shape[0] not in (3, 4) or count == shape[0]):
        views.append(array[..., None])  # grey n h w
    if array.ndim == 3 and count == shape[2] != shape[0]:
        views = [array.transpose(2, 0, 1)[..., None]]  # grey h w n, as MATLAB keeps them
    if array.ndim == 3 and shape[2] in CHANNELS and count in (None, 1):
        views.append(array[None])
    if array.ndim == 4:
        views.append(array.transpose(0, 2, 3, 1))
        views.append(array)
    if array.ndim == 4 and shape[2] == 3 and shape[3] != shape[0]:  # n h w c has no such sides
        views.append(array.transpose(3, 0, 1, 2))
    views = [v for v in views if v.shape[3] in CHANNELS and min(v.shape[1:3]) >= LEAST_SIDE]
    if len(views) == 1:
        return views[0], False
    raise DataError(f"{name} must be {LAYOUTS}, found {shape_of(array)}{_way(array)}")


def _way(array: Array) -> str:
    if array.ndim == 3 and array.shape[0] in (3, 4):
        return (
            f"; pass x[None] for one picture of {array.shape[0]} channels, and x[:, None] for "
            f"{array.shape[0]} grey ones"
        )
    if array.ndim == 5:
        return "; torch.cat(batches) or numpy.concatenate(batches) joins batches"
    if array.ndim == 2:
        return "; pass x[None] for one grey picture, and x.reshape(n, 3, h, w) for rows"
    if array.ndim == 4 and array.shape[2] == 3:
        return "; pass x.transpose(3, 0, 1, 2) where the pictures are counted last"
    return "; x.transpose(…) or x.reshape(…) brings the axes into this order"


def _range_of(arrays: list[Array]) -> tuple[int, int]:
    """Tell what black and white are from all numbers together."""
    floats = [array for array in arrays if array.dtype.kind == "f" and array.size]
    most = max((float(array.max()) for array in floats), default=255)
    if most > 1 and all(bool((array == array.round()).all()) for array in floats):
        return (0, 255)
    return (0, 1) if min(float(array.min()) for array in floats) >= 0 else (-1, 1)


def _no_fractions(name: str, found: str) -> str:
    return (
        f"value_range= says which fractions are black and white, and {name} are {found}; leave "
        "it out: whole numbers are 0 to 255"
    )


def _out_of_range(name: str, pixels: Array, least: Any, most: Any) -> str:
    if pixels.dtype.kind in "iu":
        cure = "; (x // 257).astype('uint8') for 16 bits" if most > 255 else ""
        return f"{name} must hold whole numbers 0 to 255, found {least} to {most}{cure}"
    cure = (
        "where 0 is black and 255 white, pass x.round().astype('uint8')"
        if least >= 0
        else "where torchvision's Normalize made them, leave it out: cifarkit scales pictures"
    )
    return (
        f"{name} must hold whole numbers 0 to 255, or fractions 0 to 1 or -1 to 1, found "
        f"{pixels.dtype} {float(least):g} to {float(most):g}; {cure}"
    )
