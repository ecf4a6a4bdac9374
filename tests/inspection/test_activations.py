from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck

Untouched = Callable[[nn.Module], AbstractContextManager[None]]


@pytest.mark.parametrize("index", range(9))
def test_they_are_what_the_first_layers_give(
    index: int, network: nn.Sequential, pictures: Tensor, untouched: Untouched
) -> None:
    with untouched(network):
        found = ck.activations(network, pictures, str(index))
    network.eval()
    with torch.no_grad():
        expected = network[: index + 1](ck.to_floats(pictures))
    assert torch.equal(found, expected)
    assert torch.equal(found, ck.activations(network, pictures, network[index]))


def test_a_layer_that_works_in_place_does_not_change_them(
    network: nn.Sequential, pictures: Tensor
) -> None:
    """The output of the batch norm is overwritten by the ReLU behind it."""
    kept: list[Tensor] = []
    network.eval()
    network[4].register_forward_hook(lambda _layer, _inputs, output: kept.append(output))
    with torch.no_grad():
        network(ck.to_floats(pictures))
    assert kept[0].min() == 0  # a plain hook is deceived
    assert ck.activations(network, pictures, "4").min() < 0


def test_more_pictures_than_a_batch_holds_keep_their_order(
    network: nn.Sequential, pictures: Tensor
) -> None:
    many = pictures.repeat(20, 1, 1, 1)
    found = ck.activations(network, many, "3")
    assert found.shape == (120, 16, 8, 8)
    assert torch.allclose(found, ck.activations(network, pictures, "3").repeat(20, 1, 1, 1))


class Recurrent(nn.Module):
    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.batch_first = batch_first
        self.rows = nn.LSTM(96, 8, batch_first=batch_first)
        self.last = nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        rows = images.permute(0, 2, 1, 3).flatten(2)  # batch 32 96
        if not self.batch_first:
            rows = rows.transpose(0, 1)
        states, _ = self.rows(rows)
        return self.last(states[:, -1] if self.batch_first else states[-1])


def test_of_several_outputs_it_is_the_first(pictures: Tensor) -> None:
    assert ck.activations(Recurrent(batch_first=True), pictures, "rows").shape == (6, 32, 8)


def test_a_layer_without_the_batch_in_front_is_refused(pictures: Tensor) -> None:
    message = "'rows' gives 32 6 8 for 6 pictures; the first axis must be the batch"
    with pytest.raises(ck.ModelContractError, match=message):
        ck.activations(Recurrent(batch_first=False), pictures, "rows")


def test_an_unknown_layer_is_refused(network: nn.Sequential, pictures: Tensor) -> None:
    with pytest.raises(ck.UnknownAttributeError, match="no layer 'conv1'; it has 0, 1, 2, 3"):
        ck.activations(network, pictures, "conv1")
