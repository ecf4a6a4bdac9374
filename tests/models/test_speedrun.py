"""The network of the speedrun, with the numbers of the papers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import cifarkit as ck
from cifarkit.models.global_max_pool import GlobalMaxPool


def test_the_largest_answer_of_each_channel_counts_wherever_it_is() -> None:
    signal = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    slow = [[max(channel.flatten().tolist()) for channel in picture] for picture in signal]
    assert GlobalMaxPool()(signal).tolist() == slow


@pytest.mark.parametrize("name", ["speedrun", "speedrun-wide", "speedrun-gpu"])
def test_batch_norm_keeps_its_scale_and_forgets_soon(name: str) -> None:
    norms = [
        layer for layer in ck.create_model(name).modules() if isinstance(layer, nn.BatchNorm2d)
    ]
    assert len(norms) == 7
    for norm in norms:  # Jordan 2024, section 3.1; his momentum of 0.6 counts what is kept
        assert norm.momentum == pytest.approx(1 - 0.6)
        assert torch.equal(norm.weight, torch.ones_like(norm.weight))
        assert (norm.weight.requires_grad, norm.bias.requires_grad) == (False, True)


def test_the_first_logits_are_small() -> None:
    with ck.seeded("weights", 0):
        head = ck.create_model("speedrun")[-1]
    assert float(head.weight.detach().std()) == pytest.approx(1 / 128, rel=0.1)


@pytest.mark.parametrize(
    ("widths", "layers"),
    [((32, 128, 128), 5), ((64, 256, 256), 5), ((32, 64, 64), 0)],
)
def test_fewer_multiplications_are_made_where_channels_are_many(
    widths: tuple[int, int, int], layers: int
) -> None:
    model = ck.create_model("speedrun", widths=widths)
    assert sum(isinstance(layer, ck.WinogradConv2d) for layer in model.modules()) == layers
