"""Every random choice has a key, and nothing else decides it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cifarkit.randomness import fork_rng, generator_for, seed_for, seeded

keys = st.lists(st.text(max_size=5) | st.integers(0, 2**63 - 1), min_size=1, max_size=4)


@given(one=keys, other=keys)
def test_two_keys_share_a_seed_only_if_they_are_the_same(
    one: list[str | int], other: list[str | int]
) -> None:
    assert (seed_for(*one) == seed_for(*other)) == (one == other)
    assert 0 <= seed_for(*one) < 2**63


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", 1, 23), ("a", 12, 3)),
        (("a", "1"), ("a", 1)),
        (("a", "b"), ("ab",)),
        (("a", 0, 1), ("a", 1, 0)),
        (("a',", "b"), ("a", "',b")),
    ],
)
def test_keys_that_look_alike_are_told_apart(
    one: tuple[str | int, ...], other: tuple[str | int, ...]
) -> None:
    assert seed_for(*one) != seed_for(*other)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_a_numpy_number_is_the_same_key_as_the_plain_one(kind: type[np.integer]) -> None:
    assert seed_for("order", kind(3), kind(0)) == seed_for("order", 3, 0)
    assert seed_for(np.str_("order"), 3, 0) == seed_for("order", 3, 0)


def test_a_fraction_is_no_key() -> None:
    with pytest.raises(TypeError):
        seed_for("order", 0.5)  # type: ignore[arg-type]


def test_seeds_stay_what_they_are_in_every_process_and_version() -> None:
    assert seed_for("order", 0, 1) == 5_235_859_805_464_026_190


def test_a_generator_gives_the_same_numbers_whatever_else_was_drawn() -> None:
    first = torch.rand(5, generator=generator_for("test", 1))
    torch.rand(100, generator=generator_for("test", 2))
    assert torch.equal(first, torch.rand(5, generator=generator_for("test", 1)))
    assert not torch.equal(first, torch.rand(5, generator=generator_for("test", 2)))


def test_the_global_generator_is_left_as_it_was_found() -> None:
    before = torch.get_rng_state()
    with fork_rng():
        torch.rand(10)
        assert not torch.equal(torch.get_rng_state(), before)
    with seeded("weights", 0):
        torch.rand(10)
    generator_for("anything", 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_global_generator_is_put_back_after_an_error_too() -> None:
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="on purpose"), seeded("weights", 0):
        raise ValueError("on purpose")
    assert torch.equal(torch.get_rng_state(), before)


def test_seeded_blocks_depend_on_their_key_alone() -> None:
    def draw(*key: str | int) -> torch.Tensor:
        with seeded(*key):
            return torch.rand(4)

    first = draw("weights", 0)
    torch.rand(3)
    assert torch.equal(first, draw("weights", 0))
    assert not torch.equal(first, draw("weights", 1))
