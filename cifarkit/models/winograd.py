"""The 3 by 3 convolution with fewer multiplications, for CPUs.

To multiply two polynomials, multiply their values at some points. A product of degree 7 is known
from seven of its values and its leading coefficient. So a polynomial with 3 coefficients and one
with 6 need eight multiplications, in place of 18. The transpose of that algorithm gives 6 outputs
of a filter of 3 numbers, also with eight. In two dimensions 64 multiplications give 6 by 6 outputs,
in place of 324. The price is additions before and after: once for each input channel and each
output channel, not for each pair of them.

Winograd 1980, "Arithmetic Complexity of Computations"; Lavin & Gray 2015, "Fast Algorithms for
Convolutional Neural Networks", arXiv 1509.09308.
"""

from __future__ import annotations

from functools import lru_cache
from operator import index

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cifarkit.models import weight_gradient

__all__ = ["WinogradConv2d"]

# Small points, because rounding errors grow with their powers; the last point is infinity.
POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
SIDES = range(2, len(POINTS))  # the side of a tile, in outputs: two fewer than its points
# The largest side of a signal: the matrix that cuts it into tiles grows with its fourth power.
LARGEST = 3 * SIDES[-1]
# For each length, the side of the tiles that cover it with the fewest multiplications.
BEST_SIDES = [
    min(SIDES, key=lambda side: -(-length // side) * (side + 2)) for length in range(LARGEST + 1)
]
DTYPES = {torch.float32: np.float32, torch.float64: np.float64}


class WinogradConv2d(nn.Conv2d):
    """Convolve by 3 by 3, padded by 1, as `torch.nn.Conv2d` does, but quicker on a CPU.

    It multiplies less, but moves more numbers. In batches of some dozens it saves time with 64
    input and 256 output channels, or with 128 and 128, and more with more channels; it saves little
    with 32 and 128. It needs more memory for the backward pass, because it keeps its transformed
    weights: two to four times torch's in batches of 500, and up to 25 times in batches of 32. In
    float32, on random numbers, the error is below a hundred thousandth of the output, two to thirty
    times torch's. An infinity or NaN spreads over its whole picture. It uses torch's own algorithm
    on other devices (a GPU's library has such algorithms itself), below 32 bits, under autocast,
    and for signals larger than 18 by 18. In bfloat16 on a CPU, it has a quicker gradient: where
    small pictures have many channels, such as 5 by 5 with 128, that of the weights is one product
    of matrices. Its weights have the same names and shapes as torch's. `torch.func.vmap` cannot
    follow it in 32 or 64 bits.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        before_pooling: if a side is odd, leave out the last row or column, because the pooling by 2
            that follows ignores them. Where torch's own algorithm is used it keeps them: cutting
            them off would copy the rest.

    >>> layer = WinogradConv2d(64, 256, before_pooling=True)
    >>> layer(torch.zeros(5, 64, 13, 13)).shape
    torch.Size([5, 256, 12, 12])
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, before_pooling: bool = False
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.before_pooling = before_pooling

    def forward(self, signal: Tensor) -> Tensor:
        """Return `batch out_channels rows columns` for `batch in_channels rows columns`."""
        rows, columns = signal.shape[-2:]
        if self.before_pooling:
            rows, columns = rows - rows % 2, columns - columns % 2
        if self._can_save(signal) and min(rows, columns) > 0:
            return _convolved(signal, self.weight, rows, columns)
        if self.bias is None and weight_gradient.pays(signal, self.weight):
            return weight_gradient.convolved(signal, self.weight)
        return super().forward(signal)

    def _can_save(self, signal: Tensor) -> bool:
        """Return whether fewer multiplications are possible; leave wrong signals to torch."""
        is_usual = signal.ndim == 4 and signal.shape[1] == self.in_channels
        is_small = max(signal.shape[-2:]) <= LARGEST
        is_precise = signal.dtype in DTYPES and not torch.is_autocast_enabled("cpu")
        without_bias = self.bias is None  # it has one when batch norm was fused into it
        return signal.device.type == "cpu" and is_usual and is_small and is_precise and without_bias

    def extra_repr(self) -> str:
        """Return what `print` shows in brackets."""
        usual: str = super().extra_repr()  # type: ignore[no-untyped-call]
        return usual + (", before_pooling=True" if self.before_pooling else "")


def _convolved(signal: Tensor, filters: Tensor, rows: int, columns: int) -> Tensor:
    """Return the first rows and columns of the convolution."""
    (batch, channels, *size), width = signal.shape, len(filters)
    rows, columns, *size = map(index, (rows, columns, *size))  # plain, also where torch traces
    high, wide = BEST_SIDES[rows], BEST_SIDES[columns]
    down, across = -(-rows // high), -(-columns // wide)
    tiles = batch * down * across
    into, weigh, out = _transforms((size[0], down, high), (size[1], across, wide), signal.dtype)

    pixels = signal.permute(0, 2, 3, 1).flatten(1, 2)  # batch pixels channels
    values = into.flatten(0, 1).expand(batch, -1, -1) @ pixels
    values = values.view(tiles, len(weigh), channels).transpose(0, 1)  # points tiles channels
    weights = weigh @ filters.permute(2, 3, 1, 0).flatten(2).flatten(0, 1)
    products = values @ weights.view(-1, channels, width)  # points tiles width
    sums = out.T.expand(tiles, -1, -1) @ products.transpose(0, 1)  # tiles pixels width
    whole = sums.view(batch, down, across, high, wide, width).transpose(2, 3)
    whole = whole.flatten(3, 4).flatten(1, 2)  # batch rows columns width, with some too many
    output = whole.permute(1, 2, 0, 3)[:rows, :columns].permute(2, 3, 0, 1)
    is_last = _is_channels_last(signal) or _is_channels_last(filters)
    return output if is_last else output.contiguous()  # as torch lays it out


def _is_channels_last(tensor: Tensor) -> bool:
    is_so: bool = tensor.is_contiguous(memory_format=torch.channels_last)
    return is_so and not tensor.is_contiguous()


def _transforms(
    rows: tuple[int, int, int], columns: tuple[int, int, int], dtype: torch.dtype
) -> list[Tensor]:
    """Return the matrices for both dimensions; the arguments are as for `_along`."""
    return [torch.as_tensor(matrix, device="cpu") for matrix in _arrays(rows, columns, dtype)]


# What `torch.compiler.assume_constant_result` sets, which takes a second to import.
_transforms._dynamo_marked_constant = True  # type: ignore[attr-defined]


@lru_cache(maxsize=64)  # NumPy's: a tensor that is made while torch traces may hold no numbers
def _arrays(
    rows: tuple[int, int, int], columns: tuple[int, int, int], dtype: torch.dtype
) -> list[NDArray[np.floating]]:
    pairs = zip(_along(*rows), _along(*columns), strict=True)
    return [np.kron(*pair).astype(DTYPES[dtype]) for pair in pairs]


def _along(length: int, tiles: int, side: int) -> tuple[NDArray[np.float64], ...]:
    """Return the paper's matrices for one dimension: the transposed B, G and A.

    The first is `tiles points length`, for all tiles, which overlap. The zeros around the signal
    are left out.
    """
    points = np.array(POINTS[: side + 1])

    def values(coefficients: int) -> NDArray[np.float64]:
        """Return the matrix from a polynomial's coefficients to its values at the points."""
        powers = np.vander(points, coefficients, increasing=True)
        return np.vstack([powers, np.eye(coefficients)[-1:]])

    unit_signals = np.pad(np.eye(length), ((1, tiles * side + 1 - length), (0, 0)))
    cut = np.lib.stride_tricks.sliding_window_view(unit_signals, side + 2, axis=0)[::side]
    into = _polynomials(points) @ cut.transpose(0, 2, 1)
    return into, values(3), values(side)


def _polynomials(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Lagrange's polynomials, which are 1 at one point and 0 at the others.

    The last polynomial is for infinity: 0 at all points, with the leading coefficient 1. Each row
    holds the coefficients of one polynomial. They are exact up to one division; inverting a matrix
    would be less exact.
    """
    rows = np.zeros((len(points) + 1, len(points) + 1))
    for row, point in enumerate(points):
        others = np.delete(points, row)
        rows[row, :-1] = np.poly(others)[::-1] / np.prod(point - others)
    rows[-1] = np.poly(points)[::-1]
    return rows
