"""The steps that `Muon` makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["OrthogonalMomentum", "orthogonalized"]


class OrthogonalMomentum(torch.optim.Optimizer):
    """Nesterov's momentum; groups marked `orthogonal` step by what is near an orthogonal matrix.

    Args:
        groups: weights with their `lr`, a number or a tensor, `momentum` and `orthogonal`.
    """

    def __init__(self, groups: Iterable[dict[str, Any]]) -> None:
        super().__init__(groups, defaults={})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one step on every weight that has a gradient; return what `closure` does, if any."""
        with torch.enable_grad():
            loss = closure() if closure is not None else None
        for group in self.param_groups:
            rate, first = group["lr"], group["params"][0]
            if not isinstance(rate, Tensor):
                rate = torch.full((), rate, dtype=first.dtype, device=first.device)
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                state["momentum"].mul_(group["momentum"]).add_(weight.grad)
                update = weight.grad.add(state["momentum"], alpha=group["momentum"])
                if group["orthogonal"]:
                    # A filter's length has no say in a network with batch norm; held constant,
                    # it does not change what the rate means either.
                    weight.mul_(len(weight) ** 0.5 / weight.norm().clamp_min(1e-7))
                    filters = update.permute(0, 2, 3, 1)  # channels-last: no number is moved
                    filters = orthogonalized(filters.flatten(1)).view(filters.shape)
                    update = filters.permute(0, 3, 1, 2)
                weight.addcmul_(update, rate, value=-1)
        return loss


def orthogonalized(matrix: Tensor, steps: int = 3) -> Tensor:
    """Bring singular values of a matrix towards 1 and leave its singular vectors.

    Those that are small beside the others stay small in so few steps.

    Newton-Schulz iteration with the quintic of Jordan et al. 2024
    (https://kellerjordan.github.io/posts/muon/), whose coefficients trade exactness for few
    steps. Each multiplies the matrix by a polynomial of its product with its own transpose. That
    product's next value follows from the polynomial too, so the matrix itself, which is long, is
    multiplied once, by all polynomials together ("Gram Newton-Schulz",
    https://dao-lab.ai/blog/2026/gram-newton-schulz). It takes the digits of 32 bits.

    Args:
        matrix: `rows columns`; below 32 bits it is rounded at the end alone.
        steps: of the iteration, from 1 on.

    Returns:
        `rows columns`.

    >>> orthogonalized(torch.diag(torch.tensor([3.0, 2.0])), steps=5).round(decimals=1)
    tensor([[1.1000, 0.0000],
            [0.0000, 0.7000]])
    """
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    wide = wide.to(torch.promote_types(wide.dtype, torch.float32))
    wide = wide / (wide.norm() + 1e-7)  # no singular value above 1, where it would diverge
    square = wide @ wide.T  # rows rows, as all that follow
    polynomial = factor = _polynomial(square)
    for _ in range(steps - 1):
        square = polynomial @ square @ polynomial
        polynomial = _polynomial(square)
        factor = polynomial @ factor
    orthogonal: Tensor = (factor @ wide).to(matrix.dtype)
    return orthogonal if len(matrix) <= matrix.shape[1] else orthogonal.T


def _polynomial(square: Tensor) -> Tensor:
    """Return a + b S + c S^2 of a square matrix S: what the quintic multiplies the matrix by."""
    a, b, c = 3.4445, -4.7750, 2.0315
    polynomial = torch.addmm(square, square, square, beta=b, alpha=c)
    polynomial.diagonal().add_(a)
    return polynomial
