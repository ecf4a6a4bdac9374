"""The seeded chance that the explorers share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


def mulberry32(seed: int, n: int) -> list[float]:
    """Return the first numbers of a seed, written without JavaScript's own arithmetic."""
    mask, state, numbers = 0xFFFFFFFF, seed, []
    for _ in range(n):
        state = (state + 0x6D2B79F5) & mask
        mixed = (state ^ (state >> 15)) * (state | 1) & mask
        mixed ^= (mixed + ((mixed ^ (mixed >> 7)) * (mixed | 61) & mask)) & mask
        numbers.append((mixed ^ (mixed >> 14)) / 2**32)
    return numbers


def test_a_seed_gives_the_numbers_of_mulberry32(node: Callable[..., Any]) -> None:
    seeds = [0, 1, 7, 2**32 - 1]
    found = node(
        "explorer",
        """({ uniform }, seeds) => seeds.map((seed) => {
          const random = uniform(seed);
          return Array.from({ length: 50 }, random);
        })""",
        seeds,
    )
    assert found == [mulberry32(seed, 50) for seed in seeds]
    assert found[0] != mulberry32(1, 50)


def test_normal_numbers_have_mean_0_and_sd_1(node: Callable[..., Any]) -> None:
    numbers = np.array(
        node(
            "explorer",
            """({ uniform, normal }) => {
              const random = uniform(3);
              return Array.from({ length: 40000 }, () => normal(random));
            }""",
        )
    )
    n = len(numbers)
    assert abs(numbers.mean()) < 4 / np.sqrt(n)
    assert abs(numbers.std() - 1) < 4 / np.sqrt(2 * n)
    assert abs(np.mean(np.abs(numbers) < 1.96) - 0.95) < 4 * np.sqrt(0.05 * 0.95 / n)
