"""Change the colours of whole batches of pictures, each picture by its own amount.

All take and return float32 `batch 3 height width`, 0 to 255, and amounts `batch` on the same
device. The formulas are the same as in Pillow and torchvision, without their rounding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "auto_contrast",
    "equalize",
    "posterize",
    "solarize",
    "to_nearest_bytes",
]

GREY = (0.2989, 0.587, 0.114)  # how bright red, green and blue look: ITU-R BT.601


def to_nearest_bytes(images: Tensor) -> Tensor:
    """Return the nearest whole numbers from 0 to 255, as uint8.

    >>> to_nearest_bytes(torch.tensor([-3.0, 0.6, 300.0]))
    tensor([  0,   1, 255], dtype=torch.uint8)
    """
    return images.round().clamp_(0, 255).to(torch.uint8)


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply by a factor: 0 is black, 1 the picture as it is.

    >>> adjust_brightness(torch.full((1, 3, 1, 1), 100.0), torch.tensor([3.0])).flatten()
    tensor([255., 255., 255.])
    """
    return (images * _each(factor)).clamp_(0, 255)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Move away from the picture's mean grey: 0 is that grey, 1 the picture as it is."""
    mean = _grey(images).mean((2, 3), keepdim=True)
    return _blend(mean, images, factor)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Move away from each pixel's grey: 0 is a picture in greys, 1 the picture as it is."""
    return _blend(_grey(images), images, factor)


def adjust_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue of each pixel around the circle of colours; 1 is a whole turn.

    >>> red = torch.tensor([255.0, 0.0, 0.0]).view(1, 3, 1, 1)
    >>> adjust_hue(red, torch.tensor([1 / 3])).flatten()  # green
    tensor([  0., 255.,   0.])
    """
    red, green, blue = images.unbind(1)
    largest = images.amax(1)
    chroma = largest - images.amin(1)
    divisor = chroma.where(chroma > 0, 1.0)  # grey has no hue
    hue = torch.where(
        largest == red,
        (green - blue) / divisor,
        torch.where(largest == green, (blue - red) / divisor + 2, (red - green) / divisor + 4),
    )  # in sixths of the circle
    turned = hue + 6 * turn[:, None, None]
    angles = torch.stack([(turned + offset) % 6 for offset in (5, 3, 1)], 1)  # of the channels
    share = torch.minimum(angles, 4 - angles).clamp_(0, 1)
    return largest[:, None] - chroma[:, None] * share


def adjust_sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Move away from a smoothed picture: 0 is smooth, 1 as it is, 2 sharp; the border stays."""
    inner = images[:, :, 1:-1, 1:-1]
    smooth = (9 * F.avg_pool2d(images, 3, stride=1) + 4 * inner) / 13  # the middle weighs 5 of 13
    sharpened = images.clone()
    sharpened[:, :, 1:-1, 1:-1] = _blend(smooth, inner, factor)
    return sharpened


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the first bits of each byte, 0 to 8 of them.

    >>> posterize(torch.full((1, 3, 1, 1), 255.0), torch.tensor([2])).flatten()
    tensor([192., 192., 192.])
    """
    step = _each(2.0 ** (8 - bits))
    return (images / step).floor_() * step


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert all bytes from a threshold on."""
    return torch.where(images >= _each(threshold), 255 - images, images)


def auto_contrast(images: Tensor) -> Tensor:
    """Stretch each channel so that its darkest byte is 0 and its brightest 255."""
    darkest, brightest = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    width = brightest - darkest
    return torch.where(width > 0, (images - darkest) * 255 / width.clamp(min=1), images)


def equalize(images: Tensor) -> Tensor:
    """Let each channel use all brightnesses about equally often, as Pillow does."""
    pixels = images.flatten(2).contiguous()  # batch 3 pixels
    ordered = pixels.sort(-1).values
    levels = torch.arange(256, device=images.device).float().expand(*pixels.shape[:2], 256)
    below = torch.searchsorted(ordered, levels.contiguous())  # how many are darker than a level
    brightest = (ordered == ordered[..., -1:]).sum(-1, keepdim=True)
    step = (pixels.shape[-1] - brightest) // 255
    table = ((below + step // 2) // step.clamp(min=1)).clamp_(0, 255).float()
    equalized = table.gather(-1, pixels.long())
    return torch.where(step > 0, equalized, pixels).view_as(images)


def _each(amount: Tensor) -> Tensor:
    return amount[:, None, None, None]


def _grey(images: Tensor) -> Tensor:
    red, green, blue = (
        weight * channel for weight, channel in zip(GREY, images.unbind(1), strict=True)
    )
    return (red + green + blue)[:, None]


def _blend(start: Tensor, images: Tensor, factor: Tensor) -> Tensor:
    """Blend two pictures: factor 0 is the first, 1 the second, and above 1 goes beyond it."""
    return (start + (images - start) * _each(factor)).clamp_(0, 255)
