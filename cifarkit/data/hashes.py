"""Hashes of pictures, to find the same picture in two sets."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

__all__ = ["hashes_of"]


def hashes_of(images: Tensor) -> Iterator[int]:
    """Yield a hash of 64 bits for each picture, which takes less memory than its bytes.

    >>> import torch
    >>> first, second, third = hashes_of(torch.tensor([[1, 2], [3, 4], [1, 2]]))
    >>> first == third, first == second
    (True, False)
    """
    return (hash(picture.tobytes()) for picture in images.flatten(1).cpu().numpy())
