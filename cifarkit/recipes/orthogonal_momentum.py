"""The steps that `Muon` makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["OrthogonalMomentum", "orthogonalized"]


class OrthogonalMomentum(torch.optim.Optimizer):
    """Nesterov's momentum; groups marked `orthogonal` step by a nearly orthogonal matrix.

    Args:
        groups: weights with their `lr`, a number or a tensor without dimensions, `momentum` and
            `orthogonal`.
    """

    def __init__(self, groups: Iterable[dict[str, Any]]) -> None:
        super().__init__(groups, defaults={})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one step on each weight that has a gradient; return the closure's result, if any."""
        with torch.enable_grad():
            loss = closure() if closure is not None else None
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._step(weights, group)
        return loss

    def _step(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        """Step on all weights of a group at once, so that a GPU needs few launches."""
        keep = group["momentum"]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        momenta = [self._momentum(weight) for weight in weights]
        torch._foreach_mul_(momenta, keep)
        torch._foreach_add_(momenta, gradients)
        updates = list(torch._foreach_add(gradients, momenta, alpha=keep))
        if group["orthogonal"]:
            # A filter's length has no effect in a network with batch norm. A constant length
            # keeps the meaning of the rate constant, too.
            lengths = torch._foreach_norm(weights)
            torch._foreach_clamp_min_(lengths, 1e-7)
            torch._foreach_div_(lengths, [len(weight) ** 0.5 for weight in weights])
            torch._foreach_div_(weights, lengths)
            filters = [update.permute(0, 2, 3, 1) for update in updates]  # channels-last: no copies
            matrices = orthogonalized([update.flatten(1) for update in filters])
            updates = [
                matrix.view(update.shape).permute(0, 3, 1, 2)
                for matrix, update in zip(matrices, filters, strict=True)
            ]
        torch._foreach_mul_(updates, group["lr"])
        torch._foreach_sub_(weights, updates)

    def _momentum(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"]
        return momentum


def orthogonalized(matrices: Sequence[Tensor], steps: int = 3) -> list[Tensor]:
    """Bring singular values of matrices towards 1 and keep their singular vectors.

    Relatively small values stay small, because the steps are few.

    Newton-Schulz iteration with the quintic of Jordan et al. 2024
    (https://kellerjordan.github.io/posts/muon/), whose coefficients trade exactness for few
    steps. Each step multiplies the matrix by a polynomial of its product with its own transpose.
    The product after the step follows from the polynomial too. So the matrix itself, which is long,
    is multiplied only once, by all polynomials together ("Gram Newton-Schulz",
    https://dao-lab.ai/blog/2026/gram-newton-schulz). It is computed in float32 at least.

    Args:
        matrices: `rows columns` each; results below 32 bits are rounded only at the end.
        steps: the number of iterations, 1 or more.

    Returns:
        `rows columns` each.

    >>> [matrix] = orthogonalized([torch.diag(torch.tensor([3.0, 2.0]))], steps=5)
    >>> matrix.round(decimals=1)
    tensor([[1.1000, 0.0000],
            [0.0000, 0.7000]])
    """
    wide = [matrix if len(matrix) <= matrix.shape[1] else matrix.T for matrix in matrices]
    wide = [matrix.to(torch.promote_types(matrix.dtype, torch.float32)) for matrix in wide]
    squares = [matrix @ matrix.T for matrix in wide]
    kinds = [(len(square), square.dtype) for square in squares]
    for kind in dict.fromkeys(kinds):  # all matrices of one size and type together
        alike = [index for index, other in enumerate(kinds) if other == kind]
        factors = _factors(torch.stack([squares[index] for index in alike]), steps)
        for index, factor in zip(alike, factors, strict=True):
            wide[index] = factor @ wide[index]
    return [
        (result if len(matrix) <= matrix.shape[1] else result.T).to(matrix.dtype)
        for matrix, result in zip(matrices, wide, strict=True)
    ]


def _factors(squares: Tensor, steps: int) -> Tensor:
    """Return the factors of matrices from their squares, both `n rows rows`."""
    # After division by the matrix's norm no singular value is above 1, where the iteration
    # diverges.
    lengths = squares.diagonal(dim1=1, dim2=2).sum(1).sqrt().add(1e-7)[:, None, None]
    squares = squares / lengths.square()
    polynomials = factors = _polynomials(squares)
    for _ in range(steps - 1):
        squares = polynomials @ squares @ polynomials
        polynomials = _polynomials(squares)
        factors = polynomials @ factors
    return factors / lengths


def _polynomials(squares: Tensor) -> Tensor:
    """Return a + b S + c S^2 of square matrices S, the quintic's factor of a matrix."""
    a, b, c = 3.4445, -4.7750, 2.0315
    polynomials = torch.baddbmm(squares, squares, squares, beta=b, alpha=c)
    polynomials.diagonal(dim1=1, dim2=2).add_(a)
    return polynomials
