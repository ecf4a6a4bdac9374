"""The 3 by 3 convolution by fewer multiplications, for processors.

To multiply two polynomials, multiply their values at some points: a product of degree 7 is known
from seven of its values and its leading coefficient, so eight multiplications do for one of 3
coefficients and one of 6, in place of 18. The transpose of that algorithm gives 6 outputs of a
filter of 3 numbers, by as many. Along both dimensions 64 multiplications give 6 by 6 outputs, in
place of 324. What is paid are additions before and after: once for each channel that comes in or
goes out, not for each pair of them.

Winograd 1980, "Arithmetic Complexity of Computations"; Lavin & Gray 2015, "Fast Algorithms for
Convolutional Neural Networks", arXiv 1509.09308.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["WinogradConv2d"]

# Small numbers, for rounding errors grow with their powers; the last point is infinity.
POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
SIDES = range(2, len(POINTS))  # of a tile, in outputs: two fewer than its points
# Of a signal: the matrix that cuts it into tiles grows with the fourth power of its side.
LARGEST = 3 * SIDES[-1]


class WinogradConv2d(nn.Conv2d):
    """Convolve by 3 by 3, padded by 1, as `torch.nn.Conv2d` does, but quicker on a CPU.

    It multiplies less, and moves more numbers to do so: it pays in batches of some dozens, with 64
    channels in and 256 out, or 128 and 128, and more with more; hardly with 32 in and 128 out. It
    keeps more memory for the backward pass: in batches of 500 two to four times torch's, in batches
    of 32 up to 25 times, since its transformed weights are kept whatever the batch. In float32, on
    random numbers, the error is below a hundred thousandth of the output, two to thirty times
    torch's; one infinity or NaN spreads over its whole picture. It falls back to torch's own off
    the CPU (a GPU's library chooses such ways itself), below 32 bits, under autocast, and for
    signals larger than 18 by 18. The weights are named and shaped alike. `torch.func.vmap` cannot
    follow it.

    Args:
        in_channels: of what comes in.
        out_channels: of what goes out.
        before_pooling: what comes out is pooled by 2 next, which does not see the last row or
            column of an odd number. Torch's own way keeps them all the same, for to cut them off
            would be to copy the rest.

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
        return super().forward(signal)

    def _can_save(self, signal: Tensor) -> bool:
        """Return whether there is a way with fewer multiplications; torch refuses what is wrong."""
        is_usual = signal.ndim == 4 and signal.shape[1] == self.in_channels
        is_small = max(signal.shape[-2:]) <= LARGEST
        is_precise = signal.dtype.itemsize >= 4 and not torch.is_autocast_enabled("cpu")
        without_bias = self.bias is None  # it has one when batch norm was fused into it
        return signal.device.type == "cpu" and is_usual and is_small and is_precise and without_bias

    def extra_repr(self) -> str:
        """Return what `print` shows in the brackets."""
        usual: str = super().extra_repr()  # type: ignore[no-untyped-call]
        return usual + (", before_pooling=True" if self.before_pooling else "")


def _convolved(signal: Tensor, filters: Tensor, rows: int, columns: int) -> Tensor:
    """Return so many rows and columns of the convolution, from the first on."""
    (batch, channels, *size), width = signal.shape, len(filters)
    high, wide = _best_side(rows), _best_side(columns)
    down, across = -(-rows // high), -(-columns // wide)
    tiles = batch * down * across
    along = _transforms(size[0], down, high), _transforms(size[1], across, wide)
    into, weigh, out = (torch.kron(*both).to(signal.dtype) for both in zip(*along, strict=True))

    places = signal.permute(0, 2, 3, 1).flatten(1, 2)  # batch places channels
    values = into.flatten(0, 1).expand(batch, -1, -1) @ places
    values = values.view(tiles, len(weigh), channels).transpose(0, 1)  # points tiles channels
    weights = weigh @ filters.permute(2, 3, 1, 0).flatten(2).flatten(0, 1)
    products = values @ weights.view(-1, channels, width)  # points tiles width
    sums = out.expand(tiles, -1, -1) @ products.transpose(0, 1)  # tiles places width
    whole = sums.view(batch, down, across, high, wide, width).transpose(2, 3)
    whole = whole.flatten(3, 4).flatten(1, 2)  # batch rows columns width, and what is too much
    answer = whole[:, :rows, :columns].permute(0, 3, 1, 2)
    is_last = _is_channels_last(signal) or _is_channels_last(filters)
    return answer if is_last else answer.contiguous()  # as torch lays it out


def _is_channels_last(tensor: Tensor) -> bool:
    is_so: bool = tensor.is_contiguous(memory_format=torch.channels_last)
    return is_so and not tensor.is_contiguous()


def _best_side(length: int) -> int:
    """Return the side of the tiles that cover a length by the fewest multiplications."""
    return min(SIDES, key=lambda side: -(-length // side) * (side + 2))


def _transforms(length: int, tiles: int, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the paper's matrices for one dimension: the transposed B, G and the transposed A.

    The first is `tiles points length`, for all tiles; they overlap, and the zeros around the signal
    are left out.
    """

    def values(coefficients: int) -> Tensor:
        """Return the matrix from a polynomial's coefficients to its values at the points."""
        points = torch.tensor(POINTS[: side + 1], dtype=torch.float64, device="cpu")
        at_infinity = torch.eye(coefficients, dtype=torch.float64, device="cpu")[-1:]
        powers = torch.arange(coefficients, device="cpu")
        return torch.cat([points.unsqueeze(1) ** powers, at_infinity])

    padding = (0, 0, 1, tiles * side + 1 - length)
    unit_signals = F.pad(torch.eye(length, dtype=torch.float64, device="cpu"), padding)
    cut = unit_signals.unfold(0, side + 2, side)  # tiles length side+2
    into = cut @ torch.linalg.inv(values(side + 2))
    into = into.transpose(1, 2).clone(memory_format=torch.contiguous_format)  # kron needs it
    return into, values(3), values(side).T
