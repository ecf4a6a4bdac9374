"""Test-time augmentation: the logits of several views of each picture are averaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cifarkit.annotations import Range
from cifarkit.errors import DataError
from cifarkit.values import Value

if TYPE_CHECKING:  # recipes name it, and are listed without torch
    from torch import Tensor

__all__ = ["TestTimeAugmentation"]


@dataclass(frozen=True)
class TestTimeAugmentation(Value):
    """Show the network each picture several times and average its logits.

    The mirrored view is from Krizhevsky et al. 2012, section 4.1. The two shifted views are from
    Jordan 2024, arXiv 2404.00498, section 3.5; together they count as much as the unshifted view.
    Every view costs as much as a picture of its size.

    Args:
        flip: whether to show each view mirrored left and right, too.
        shift: how many pixels to move two more views, up and left, and down and right, with a
            mirrored border; 0 for no such views.
        size: the side of the window that is shown, in pixels, cut out of the middle. It costs less
            than the whole picture, and a network that was trained on windows may do better on them.
            With `shift=2, size=28` the windows are the middle and two corners; Krizhevsky et al.
            take all four corners.

    >>> import torch
    >>> images = torch.zeros(2, 3, 32, 32)
    >>> [round(share, 3) for share, _ in TestTimeAugmentation(flip=True, shift=1).views(images)]
    [0.25, 0.25, 0.125, 0.125, 0.125, 0.125]
    """

    flip: bool = True
    shift: Annotated[int, Range(0, 16)] = 1
    size: Annotated[int, Range(8, 32)] = 32

    def views(self, images: Tensor) -> Iterator[tuple[float, Tensor]]:
        """Yield each view with its share of the average.

        Args:
            images: float `batch 3 side side`.

        Yields:
            A share, all of which sum to 1, and images `batch 3 size size`.

        Raises:
            DataError: the images are not square, or smaller than a window or a shift.
        """
        height, side = images.shape[-2:]
        if height != side:
            raise DataError(
                f"{self!r} shows square windows of square images, found {height} by {side}"
            )
        if side < max(self.size, self.shift + 1):
            raise DataError(
                f"{self!r} shows windows of {self.size} pixels, moved by {self.shift}, and the "
                f"images have sides of {side}; choose a smaller size= or shift="
            )
        for share, moved in self._moved(images):
            if self.flip:
                yield share / 2, moved
                yield share / 2, moved.flip(3)
            else:
                yield share, moved

    def _moved(self, images: Tensor) -> Iterator[tuple[float, Tensor]]:
        import torch.nn.functional as F

        padded = F.pad(images, (self.shift,) * 4, mode="reflect") if self.shift else images
        middle = (padded.shape[-1] - self.size) // 2
        moves = ((0.5, 0), (0.25, -self.shift), (0.25, self.shift)) if self.shift else ((1.0, 0),)
        for share, move in moves:
            begin, end = middle + move, middle + move + self.size
            yield share, padded[:, :, begin:end, begin:end]
