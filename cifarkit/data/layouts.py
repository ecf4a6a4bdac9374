"""Convert arrays of pictures of any clear layout and size to uint8 `n 3 32 32`."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cifarkit.data.byte_range import BYTES, find_ranges, no_fractions, to_byte_range
from cifarkit.data.foreign_arrays import gathered
from cifarkit.data.forms import Form, form_of
from cifarkit.data.image_set import IMAGE_SHAPE
from cifarkit.data.pictures import to_rgb_32
from cifarkit.errors import DataError

__all__ = ["images_from_array", "images_of_parts", "shape_of"]

Array = np.ndarray[Any, Any]
CHANNELS = (1, 3, 4)
LEAST_SIDE = 8  # pixels; a shorter axis is not a side of a picture
LAYOUTS = "n 3 32 32, n 32 32 3, grey n 28 28 and the like, of any size"


def images_of_parts(
    arrays: Mapping[str, Any], counts: Mapping[str, int]
) -> tuple[dict[str, Tensor], set[Form]]:
    """Convert the pictures of several parts to bytes, with one black and one white for all parts.

    Args:
        arrays: as `images_from_array` takes, under their names in messages.
        counts: how many pictures each has, under the same names.

    Returns:
        uint8 `n 3 32 32` for each, and the forms of the pictures that were changed.

    Raises:
        DataError: an array has another shape, type or range, or more than one meaning.

    >>> dim, dark = np.full((9, 32, 32, 3), 0.5), np.full((9, 32, 32, 3), -1.0)
    >>> images, _ = images_of_parts({"x_train": dim, "x_test": dark}, {"x_train": 9, "x_test": 9})
    >>> images["x_train"].unique(), images["x_test"].unique()
    (tensor([191], dtype=torch.uint8), tensor([0], dtype=torch.uint8))
    """
    parts = {name: gathered(array, name) for name, array in arrays.items()}
    ranges = find_ranges({name: _arrays_in(pictures) for name, pictures in parts.items()})
    images, forms = {}, set[Form]()
    for name, pictures in parts.items():
        images[name], part_forms = _to_images(pictures, name, counts[name], None, ranges[name])
        forms |= part_forms
    return images, forms


def images_from_array(
    array: Any, name: str, *, count: int | None = None, value_range: Any = None
) -> tuple[Tensor, set[Form]]:
    """Convert pictures in an array to bytes, and bring all of them to RGB 32 by 32.

    Args:
        array: `n 3 h w`, `n h w 3`, with 1 or 4 channels in place of 3, grey `n h w`, `h w 3 n` as
            MATLAB keeps them, one picture `h w 3`, or rows such as CIFAR's `n 3072`; or several
            Pillow images or arrays of different sizes. Whole numbers 0 to 255, or fractions
            as `to_byte_range` takes them.
        name: the argument's name, for messages.
        count: how many pictures there are, if that is known.
        value_range: the numbers that mean black and white; when None, found from the pictures.

    Returns:
        uint8 `n 3 32 32`, and the forms of the pictures that were changed.

    Raises:
        DataError: the array has another shape, type or range, or more than one meaning.

    >>> images, forms = images_from_array(np.zeros((9, 28, 28), np.uint8), "x")
    >>> images.shape, *map(str, forms)
    (torch.Size([9, 3, 32, 32]), '28 by 28, grey')
    """
    pictures = gathered(array, name)
    ranges = {} if value_range else find_ranges({name: _arrays_in(pictures)})
    return _to_images(pictures, name, count, value_range, ranges.get(name))


def shape_of(array: Array) -> str:
    """Write a shape as all messages do, such as `n 3 32 32`."""
    return " ".join(map(str, array.shape)) or "a single number"


def _arrays_in(pictures: Array | list[Any]) -> list[Array]:
    if isinstance(pictures, list):
        return [picture for picture in pictures if isinstance(picture, np.ndarray)]
    return [pictures]


def _to_images(
    pictures: Array | list[Any], name: str, count: int | None, value_range: Any, found_range: Any
) -> tuple[Tensor, set[Form]]:
    """Convert what `gathered` returned to bytes; the two functions above say how."""
    if isinstance(pictures, list):
        return _from_sequence(pictures, name, value_range, found_range)
    pixels, is_flat = _channels_last(pictures, name, count)
    pixels = to_byte_range(pixels, name, value_range, found_range)
    height, width, channels = pixels.shape[1:]
    form = Form(width, height, channels, is_flat)
    if form.is_plain:
        # One writable copy in this machine's byte order, for any input.
        planes = pixels.transpose(0, 3, 1, 2).astype(np.uint8, order="C", copy=True)
        return torch.from_numpy(planes), set()
    images = torch.empty(len(pixels), *IMAGE_SHAPE, dtype=torch.uint8)
    for index, picture in enumerate(pixels.astype(np.uint8)):
        plain = np.ascontiguousarray(picture[..., 0] if channels == 1 else picture)
        images[index] = to_rgb_32(Image.fromarray(plain))
    return images, {form}


def _from_sequence(
    pictures: list[Any], name: str, value_range: Any, found_range: Any
) -> tuple[Tensor, set[Form]]:
    is_given = value_range not in (None, BYTES)
    if is_given and not any(array.dtype.kind == "f" for array in _arrays_in(pictures)):
        raise DataError(no_fractions(name, "pictures of whole numbers"))
    images, forms = torch.empty(len(pictures), *IMAGE_SHAPE, dtype=torch.uint8), set[Form]()
    for index, picture in enumerate(pictures):
        title = f"picture {index} of {name}"
        if isinstance(picture, Image.Image):
            images[index], picture_forms = _from_pillow(picture, title)
        else:
            single = picture[None] if picture.ndim in (2, 3) else picture
            given = value_range if picture.dtype.kind == "f" else None
            image, picture_forms = _to_images(single, title, 1, given, found_range)
            images[index] = image[0]
        forms |= picture_forms
    return images, forms


def _from_pillow(picture: Image.Image, title: str) -> tuple[Tensor, set[Form]]:
    if 0 in picture.size:
        raise DataError(f"{title} is {picture.width} by {picture.height}, and has no pixels")
    try:
        image = to_rgb_32(picture)
    except (ValueError, OSError) as error:  # fractions; a file that is cut short
        raise DataError(f"{title} cannot be used: {error}") from error
    form = form_of(picture)
    return image, set() if form.is_plain else {form}


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
