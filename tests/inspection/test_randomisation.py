"""The sanity check of heat maps, with a map that must fail it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.inspection.randomisation import _rank_correlations, _redrawn

Untouched = Callable[[nn.Module], AbstractContextManager[None]]
SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])


def edges(model: nn.Module, images: Tensor, *, targets: Tensor) -> Tensor:
    """Return a map that looks like an explanation, and knows nothing of the network."""
    grey = images.float().mean(1, keepdim=True)
    across, down = (F.conv2d(grey, kernel[None, None], padding=1) for kernel in (SOBEL, SOBEL.T))
    return (across**2 + down**2).sqrt()[:, 0]


@pytest.mark.parametrize("seed", range(4))
def test_grad_cam_depends_on_what_was_learnt(seed: int, trained: ck.Run, data: ck.Splits) -> None:
    method = partial(ck.grad_cam, layer="5")
    similarity = ck.randomised_similarity(method, trained, data.test, seed=seed)
    assert similarity.shape == (80,)
    assert (similarity.nan_to_num() != 0).sum() > 20  # not for want of maps
    assert similarity.nanmean().abs() < 0.35


def test_occlusion_depends_on_what_was_learnt(trained: ck.Run, data: ck.Splits) -> None:
    some = data.test.subset(range(20))
    assert ck.randomised_similarity(ck.occlusion, trained, some).mean().abs() < 0.35


def test_an_edge_detector_is_caught(trained: ck.Run, data: ck.Splits) -> None:
    similarity = ck.randomised_similarity(edges, trained, data.test)
    assert torch.allclose(similarity, torch.ones(80, dtype=torch.float64))


def test_the_network_is_left_as_it_was(
    network: nn.Sequential, pictures: Tensor, untouched: Untouched
) -> None:
    network.train()
    with untouched(network):
        ck.randomised_similarity(ck.grad_cam, network, pictures)


def test_the_draw_is_that_of_the_seed(network: nn.Sequential, pictures: Tensor) -> None:
    first, again, other = (
        ck.randomised_similarity(ck.grad_cam, network, pictures, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.allclose(first, again, equal_nan=True)
    assert not torch.allclose(first, other, equal_nan=True)


def test_both_maps_are_of_the_class_that_was_predicted_before(
    network: nn.Sequential, pictures: Tensor
) -> None:
    asked: list[Tensor] = []

    def note(model: nn.Module, images: Tensor, *, targets: Tensor) -> Tensor:
        asked.append(targets)
        return torch.rand(6, 4, 4)

    ck.randomised_similarity(note, network, pictures)
    before, after = asked
    assert torch.equal(before, after)
    assert before.tolist() == ck.predict(network, pictures).labels.tolist()


def test_every_tensor_is_drawn_again_in_its_scale(network: nn.Sequential) -> None:
    network.requires_grad_(False)
    drawn = dict(_redrawn(network, 0).named_parameters())
    for name, weight in network.named_parameters():
        assert not torch.equal(drawn[name], weight) or not weight.any()  # zeros have no scale
        if weight.numel() > 500:
            size, before = (
                float(tensor.square().mean().sqrt()) for tensor in (drawn[name], weight)
            )
            assert size == pytest.approx(before, rel=0.1)
            assert abs(float(drawn[name].mean())) < 0.2 * size


@pytest.mark.parametrize("ties", [False, True])
def test_correlations_are_scipys(ties: bool) -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 5, 40))
    second += first
    if ties:
        first, second = first.round(), second.round()
    expected = [stats.spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)]
    assert _rank_correlations(first, second) == pytest.approx(expected)


def test_a_flat_map_has_no_ranks() -> None:
    flat, steep = np.zeros((1, 9)), np.arange(9.0)[None]
    assert _rank_correlations(steep, flat).tolist() == [0]
    assert _rank_correlations(steep, -steep).tolist() == [-1]
    assert np.isnan(_rank_correlations(flat, steep)).all()
    assert np.isnan(_rank_correlations(flat, flat + 3)).all()


@pytest.mark.parametrize(
    ("returned", "found"), [(None, "NoneType"), (torch.zeros(6, 3, 32, 32), r"\(6, 3, 32, 32\)")]
)
def test_a_method_that_returns_no_maps_is_refused(
    returned: Any, found: str, network: nn.Sequential, pictures: Tensor
) -> None:
    with pytest.raises(ck.DataError, match=f"here 6 height width; found {found}"):
        ck.randomised_similarity(lambda *_, targets: returned, network, pictures)
