"""Parts of pictures hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cifarkit.annotations import Range
from cifarkit.data.augmentations.augmentation import Augmentation

if TYPE_CHECKING:  # recipes name augmentations, and are listed without torch
    from torch import Generator, Tensor

__all__ = ["Cutout", "RandomErasing"]

TRIES = 10  # as in torchvision


@dataclass(frozen=True)
class Cutout(Augmentation):
    """Grey out one square of each picture, at a random position, clipped at the border.

    DeVries and Taylor 2017, "Improved Regularization of CNNs with Cutout", section 3.

    Args:
        size: the side of the square, in pixels.

    >>> import torch
    >>> white = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    >>> Cutout(size=8)(white, torch.Generator()).unique()
    tensor([128, 255], dtype=torch.uint8)
    """

    size: Annotated[int, Range(1, 32)] = 8

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the batch with one square of every picture grey."""
        import torch

        from cifarkit.data.transfer import to_device

        batch, side = len(images), images.shape[-1]
        centre = torch.randint(side, (2, batch, 1), generator=generator)
        start = to_device(centre, images.device) - self.size // 2
        indices = torch.arange(side, device=images.device)
        rows, columns = (indices >= start) & (indices < start + self.size)  # each batch 32
        hole = rows[:, None, :, None] & columns[:, None, None, :]  # batch 1 32 32
        return images.masked_fill(hole, 128)


@dataclass(frozen=True)
class RandomErasing(Augmentation):
    """Cover a random rectangle of some pictures with random bytes.

    Zhong et al. 2020, "Random Erasing Data Augmentation", arXiv 1708.04896, with their settings for
    CIFAR. A rectangle lies wholly in the picture. Wide and tall ones are equally likely, as in
    torchvision.

    Args:
        probability: the probability that a picture gets a rectangle.
        area: the smallest and the largest share of the picture that is covered.
        ratio: the smallest ratio of height to width; the largest is 1 / ratio.

    >>> import torch
    >>> black = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    >>> erased = RandomErasing(probability=1.0)(black, torch.Generator())
    >>> 0.01 < (erased > 0).double().mean().item() < 0.42
    True
    """

    probability: Annotated[float, Range(0, 1)] = 0.5
    area: tuple[Annotated[float, Range(0, 1)], Annotated[float, Range(0, 1)]] = (0.02, 0.4)
    ratio: Annotated[float, Range(0, 1, open="(")] = 0.3

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the batch with a rectangle of some pictures covered."""
        import torch

        from cifarkit.data.transfer import to_device

        hole = to_device(self._holes(len(images), images.shape[-1], generator), images.device)
        cover = torch.randint(256, images.shape, dtype=torch.uint8, generator=generator)
        return torch.where(hole, to_device(cover, images.device), images)

    def _holes(self, batch: int, side: int, generator: Generator) -> Tensor:
        """Return where pictures are covered, bool `batch 1 side side`."""
        import torch

        chosen = torch.rand(batch, generator=generator) < self.probability
        sizes = self._sizes(batch, side, generator)
        fits = ((sizes > 0) & (sizes < side)).all(0)  # batch tries
        first = fits.int().argmax(1)  # the first try that fits
        size = sizes[:, torch.arange(batch), first]  # 2 batch
        share = torch.rand(2, batch, dtype=torch.float64, generator=generator)
        start = (share * (side - size + 1)).floor()  # all positions that fit
        indices = torch.arange(side)
        rows, columns = (indices >= start[..., None]) & (indices < (start + size)[..., None])
        chosen &= fits.any(1)
        hole: Tensor = chosen[:, None, None] & rows[:, :, None] & columns[:, None, :]
        return hole[:, None]

    def _sizes(self, batch: int, side: int, generator: Generator) -> Tensor:
        """Draw heights and widths, `2 batch tries`; those that do not fit are passed over."""
        import torch

        areas, ratios = torch.rand(2, batch, TRIES, generator=generator)
        low, high = self.area
        areas = (low + (high - low) * areas) * side**2
        ratios = self.ratio ** (2 * ratios - 1)  # from ratio to 1 / ratio
        return torch.stack([areas * ratios, areas / ratios]).sqrt().round()
