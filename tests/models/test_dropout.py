"""Dropout with fast random numbers, against torch's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import nn

import cifarkit as ck


@settings(deadline=None, max_examples=40)
@given(
    p=st.floats(0.01, 0.99),
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
)
def test_a_unit_is_left_out_or_scaled_and_so_is_its_gradient(
    p: float, shape: list[int], seed: int
) -> None:
    with ck.seeded("dropout", seed):
        units = torch.randn(shape).requires_grad_()
        answer = ck.Dropout(p)(units)
        answer.sum().backward()
    scale = torch.tensor(1 / (1 - p), dtype=torch.float32)
    kept = units.grad != 0
    torch.testing.assert_close(answer, torch.where(kept, units * scale, torch.zeros(())))
    torch.testing.assert_close(units.grad, torch.where(kept, scale, torch.zeros(())))


def share_left_out(layer: nn.Module, seed: int, units: int = 40_000) -> int:
    with ck.seeded("dropout", seed):
        return int((layer(torch.ones(units)) == 0).sum())


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
def test_the_share_left_out_is_p_and_another_is_caught(p: float) -> None:
    left_out = share_left_out(ck.Dropout(p), seed=0)
    assert stats.binomtest(left_out, 40_000, p).pvalue > 1e-6
    assert stats.binomtest(left_out, 40_000, p + 0.02).pvalue < 1e-6


def test_neighbours_do_not_know_of_each_other() -> None:
    """Four units share a number; each must still have its own chance."""
    with ck.seeded("dropout", 1):
        left_out = (ck.Dropout(0.25)(torch.ones(40_000)) == 0).view(-1, 4)
    both = int((left_out[:, 0] & left_out[:, 1]).sum())
    assert stats.binomtest(both, 10_000, 0.25**2).pvalue > 1e-6
    assert stats.binomtest(int(left_out[:, 0].sum()), 10_000, 0.25**2).pvalue < 1e-6


@pytest.mark.parametrize("p", [1e-9, 1 - 1e-9])
def test_a_chance_finer_than_the_grid_still_works(p: float) -> None:
    left_out = share_left_out(ck.Dropout(p), seed=0)
    assert abs(left_out - 40_000 * p) < 10


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_none_and_all_are_exact(p: float) -> None:
    units = torch.randn(100)
    assert torch.equal(ck.Dropout(p)(units), units * (1 - p))


def test_at_rest_it_does_nothing_and_draws_nothing() -> None:
    units, state = torch.randn(100), torch.get_rng_state()
    assert torch.equal(ck.Dropout(0.5).eval()(units), units)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_every_layout_of_the_memory_is_served(layout: torch.memory_format) -> None:
    units = torch.ones(8, 16, 4, 4).contiguous(memory_format=layout)
    with ck.seeded("dropout", 0):
        answer = ck.Dropout(0.5)(units)
        sliced = ck.Dropout(0.5)(units[:, ::2])
    assert answer.is_contiguous(memory_format=layout)
    for part in (answer, sliced):
        assert 0.4 < float((part == 0).double().mean()) < 0.6


def test_torch_follows_it_without_a_break_when_it_compiles() -> None:
    graphs: list[torch.fx.GraphModule] = []

    def inspect(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> object:
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(ck.Dropout(0.25), backend=inspect, fullgraph=True)
    with ck.seeded("dropout", 0):
        answer = compiled(torch.ones(40_000))
    assert len(graphs) == 1
    assert stats.binomtest(int((answer == 0).sum()), 40_000, 0.25).pvalue > 1e-6


def test_in_place_it_is_torchs_own() -> None:
    units = torch.ones(100)
    with ck.seeded("dropout", 0):
        assert ck.Dropout(0.5, inplace=True)(units) is units
    with ck.seeded("dropout", 0):
        assert torch.equal(units, nn.Dropout(0.5)(torch.ones(100)))


def test_another_default_device_does_not_matter() -> None:
    units = torch.ones(100)
    with torch.device("meta"):
        assert ck.Dropout(0.5)(units).device.type == "cpu"


def test_it_is_torchs_dropout_to_all_who_ask() -> None:
    assert isinstance(ck.Dropout(0.3), nn.Dropout)
    assert repr(ck.Dropout(0.3)) == repr(nn.Dropout(0.3))
