"""The valley of the explorer is descended as torch's SGD descends it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

DESCENDED = "({ descend }, state) => descend(state)"
LIMIT = "({ largestRate }, momentum) => largestRate(momentum)"
CONSTANTS = "({ CURVATURES, FIRST }) => [CURVATURES, FIRST]"


def by_torch(
    curvatures: list[float], first: list[float], rate: float, momentum: float, steps: int
) -> list[list[float]]:
    point = torch.tensor(first, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([point], lr=rate, momentum=momentum)
    points = [point.tolist()]
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (torch.tensor(curvatures) * point.square()).sum() / 2
        loss.backward()
        optimizer.step()
        points.append(point.tolist())
    return points


@pytest.mark.parametrize("momentum", [0.0, 0.05, 0.5, 0.9, 0.95])
@pytest.mark.parametrize("rate", [0.002, 0.06, 0.1, 0.19])
def test_the_steps_are_those_of_torch(
    node: Callable[..., Any], rate: float, momentum: float
) -> None:
    state = {"rate": rate, "momentum": momentum, "steps": 60}
    curvatures, first = node("valley", CONSTANTS)
    found = torch.tensor(node("valley", DESCENDED, state), dtype=torch.float64)
    expected = torch.tensor(by_torch(curvatures, first, **state), dtype=torch.float64)
    assert found.shape == (61, 2)
    assert torch.allclose(found, expected, rtol=1e-9, atol=1e-9)
    other = by_torch(curvatures, first, rate, momentum + 0.01, 60)
    assert not torch.allclose(found, torch.tensor(other, dtype=torch.float64), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
def test_it_diverges_above_the_largest_rate_and_converges_below(
    node: Callable[..., Any], momentum: float
) -> None:
    limit = node("valley", LIMIT, momentum)
    curvatures, _ = node("valley", CONSTANTS)
    assert limit == pytest.approx(2 * (1 + momentum) / max(curvatures))
    heights = {
        share: [
            math.hypot(*point)
            for point in node(
                "valley",
                DESCENDED,
                {"rate": share * limit, "momentum": momentum, "steps": 20_000},
            )
        ]
        for share in (0.999, 1, 1.001)
    }
    assert heights[0.999][-1] < 1e-3
    assert 0.1 < heights[1][10_000] == pytest.approx(heights[1][20_000])  # neither
    assert heights[1.001][-1] > 1e3 or not math.isfinite(heights[1.001][-1])


def test_without_momentum_the_largest_rate_is_2_through_the_steepest_curvature(
    node: Callable[..., Any],
) -> None:
    assert node("valley", LIMIT, 0) == 2 / 20
    points = node("valley", DESCENDED, {"rate": 2 / 20, "momentum": 0, "steps": 50})
    assert [abs(y) for _, y in points] == pytest.approx([abs(points[0][1])] * 51)


def test_the_steps_to_a_hundredth_are_counted(node: Callable[..., Any]) -> None:
    state = {"rate": 0.05, "momentum": 0.5}
    needed = node("valley", "({ stepsNeeded }, state) => stepsNeeded(state)", state)
    losses = node(
        "valley",
        "({ descend, lossAt }, state) => descend(state).map(lossAt)",
        {**state, "steps": 2_000},
    )
    assert max(losses[needed:]) < losses[0] / 100 <= losses[needed - 1]
    slow = node("valley", "({ stepsNeeded }) => stepsNeeded({ rate: 0.0001, momentum: 0 })")
    assert slow is None


@pytest.mark.parametrize(
    ("rate", "momentum", "words"),
    [
        (0.1, 0.0, "exactly 2 / L = 0.1"),
        (0.102, 0.0, "diverges"),
        (0.098, 0.0, "below 2 / L = 0.1"),
        (0.12, 0.9, "below 2 (1 + momentum) / L = 0.19"),
        (0.19, 0.9, "exactly"),
    ],
)
def test_the_page_says_on_which_side_of_the_largest_rate_it_is(
    node: Callable[..., Any], rate: float, momentum: float, words: str
) -> None:
    state = {"rate": rate, "momentum": momentum}
    assert words in node("valley", "({ judgement }, state) => judgement(state)", state)
