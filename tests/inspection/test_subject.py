"""What every inspection refuses in the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.inspection.subject import float_batches, targets_of

INSPECTIONS: dict[str, Callable[..., Tensor]] = {
    "grad_cam": ck.grad_cam,
    "occlusion": ck.occlusion,
    "activations": lambda model, images: ck.activations(model, images, "0"),
    "randomised_similarity": lambda model, images: ck.randomised_similarity(
        ck.grad_cam, model, images
    ),
}


@pytest.mark.parametrize("inspect", INSPECTIONS.values(), ids=INSPECTIONS)
def test_what_is_no_network_or_no_picture_is_refused(
    inspect: Callable[..., Tensor], network: nn.Sequential, pictures: Tensor, tiny: ck.Splits
) -> None:
    with pytest.raises(ck.ModelContractError, match=r"ck.create_model\('baseline'\) builds one"):
        inspect("baseline", pictures)
    with pytest.raises(ck.DataError, match=r"pass data.val to choose by"):
        inspect(network, tiny)
    with pytest.raises(ck.DataError, match="nothing to inspect"):
        inspect(network, pictures[:0])
    with pytest.raises(ck.DataError, match=r"pass x\[None\] for one picture"):
        inspect(network, pictures[0])
    with pytest.raises(ck.DataError, match=r"fractions from 0 to 0.9.*value_range=\(0, 1\)"):
        inspect(network, torch.linspace(0, 0.9, 3072).view(1, 3, 32, 32))


@pytest.mark.parametrize("inspect", [ck.grad_cam, ck.occlusion])
@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (10, "targets must be a whole number, 0 <= value <= 9; found 10"),
        (-1, "targets must be a whole number, 0 <= value <= 9; found -1"),
        (1.5, "targets must be a whole number, 0 <= value <= 9; found 1.5"),
        ("cat", "targets must be a whole number, 0 <= value <= 9; found 'cat'"),
        ([0, 1], r"or 6 whole numbers, one for each picture; found int64 \(2,\)"),
        (torch.zeros(6), r"one for each picture; found float32 \(6,\)"),
        ([0, 1, 2, 3, 4, 11], "targets must be labels from 0 to 9, found 11"),
    ],
)
def test_targets_that_are_no_classes_are_refused(
    inspect: Callable[..., Tensor],
    targets: Any,
    message: str,
    network: nn.Sequential,
    pictures: Tensor,
) -> None:
    with pytest.raises(ck.DataError, match=message):
        inspect(network, pictures, targets=targets)


def test_a_network_that_gives_nan_is_refused(network: nn.Sequential, pictures: Tensor) -> None:
    network[-1].bias.data[0] = torch.nan
    with pytest.raises(ck.NonFiniteLossError, match="NaN or infinity for 6 of 6 images"):
        ck.grad_cam(network, pictures)


def test_the_forms_of_targets_mean_the_same(network: nn.Sequential, pictures: Tensor) -> None:
    forms = [4, np.int64(4), torch.tensor(4), [4] * 6, np.full(6, 4), torch.full((6,), 4)]
    for targets in forms:
        assert targets_of(network, pictures, targets).tolist() == [4] * 6


def test_batches_are_copies_in_the_type_of_the_network(
    network: nn.Sequential, pictures: Tensor
) -> None:
    floats = ck.to_floats(pictures)
    (batch,) = float_batches(network, floats)
    assert torch.equal(batch, floats)
    assert batch.data_ptr() != floats.data_ptr()
    (batch,) = float_batches(network.double(), pictures)
    assert batch.dtype == torch.float64
