"""Figures of what a network looks at: heat maps, feature maps and kernels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats
from torch import nn

import cifarkit as ck
from cifarkit.data.image_set import ImageSet
from cifarkit.evaluation.evaluation import Evaluation
from cifarkit.plots import activations, filters, grad_cam


@pytest.fixture
def network() -> nn.Sequential:
    with ck.seeded("plots", 0):
        return nn.Sequential(
            *(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(1024, 3)),
        )


def shown(ax: Axes) -> np.ndarray:
    return np.asarray(ax.images[0].get_array())


def test_pictures_stand_beside_their_maps(
    network: nn.Sequential, evaluation: Evaluation, image_set: ImageSet
) -> None:
    figure = grad_cam(network, evaluation, image_set, n=3, figure=Figure(figsize=(4, 3)))
    key, *tiles = figure.axes
    assert len(tiles) == 2 * (3 + 3)
    titles = [ax.get_title(loc="left") for ax in tiles]
    worst = ck.top_losses(evaluation, 3)
    for index, picture, heat in zip(worst, tiles[:6:2], tiles[1:6:2], strict=True):
        assert np.array_equal(shown(picture), image_set.images[index].permute(1, 2, 0))
        assert not np.array_equal(shown(heat), shown(picture))
        assert heat.get_title(loc="left").startswith(
            f"map for {evaluation.classes[evaluation.predicted[index]]}"
        )
        assert picture.get_position().y0 == heat.get_position().y0  # in one row
    assert titles[6::2] == ["dog 91 %\ntrue: cat"] * 3
    texts = [text.get_text() for text in figure.texts]
    assert any("not why" in text for text in texts)
    assert "cat called dog: 5 (50.0 %)" in texts
    assert [text.get_text() for text in key.texts] == ["0", "1, the largest of each map"]


def test_the_brightest_place_is_that_of_the_map(
    network: nn.Sequential, evaluation: Evaluation, image_set: ImageSet
) -> None:
    network[3].weight.data.abs_()  # so that all that is seen speaks for every class
    black = ImageSet(torch.zeros_like(image_set.images), image_set.labels, image_set.classes)
    black.images[:, 0, 4:12, 20:28] = 200
    figure = grad_cam(network, evaluation, black, n=1, figure=Figure(figsize=(4, 3)))
    (index,) = ck.top_losses(evaluation, 1)
    (heat,) = ck.grad_cam(
        network, black.images[index][None], targets=int(evaluation.predicted[index])
    )
    grey = np.zeros((32, 32))
    grey[4:12, 20:28] = 0.299 * 200
    brightness = shown(figure.axes[2]) @ np.array([0.299, 0.587, 0.114])
    light = brightness - 0.45 * grey  # of the colours alone
    assert heat.max() == 1
    assert stats.spearmanr(light.ravel(), heat.numpy().ravel()).statistic > 0.98


def test_without_an_evaluation_the_set_is_evaluated(
    network: nn.Sequential, image_set: ImageSet
) -> None:
    by_itself, given = (
        grad_cam(network, evaluation, image_set, n=2, figure=Figure())
        for evaluation in (None, ck.evaluate(network, image_set))
    )
    for one, other in zip(by_itself.axes, given.axes, strict=True):
        assert np.array_equal(shown(one), shown(other))


def test_a_pair_can_be_chosen(
    network: nn.Sequential, evaluation: Evaluation, image_set: ImageSet
) -> None:
    pair = ck.confused_pairs(evaluation)[1]
    figure = grad_cam(network, evaluation, image_set, pair=pair, figure=Figure())
    assert "dog called frog: 2 (10.0 %)" in [text.get_text() for text in figure.texts]
    with pytest.raises(ck.DataError, match=r"pair must be one of ck.confused_pairs.*cat, dog"):
        grad_cam(network, evaluation, image_set, pair=("cat", "dog"), figure=Figure())


def test_a_network_without_a_spatial_layer_has_no_heat_maps(
    evaluation: Evaluation, image_set: ImageSet
) -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3072, 3))
    with pytest.raises(ck.ModelContractError, match=r"ck.occlusion works with any network"):
        grad_cam(flat, evaluation, image_set, figure=Figure())


def test_a_kernel_is_its_weights_with_grey_for_0(network: nn.Sequential) -> None:
    figure = filters(network, figure=Figure())
    assert figure.get_suptitle() == "The 4 kernels of layer 0, 3 by 3 by 3"
    for ax, kernel in zip(figure.axes, network[0].weight.detach(), strict=True):
        scale = kernel.abs().max()
        weights = (torch.from_numpy(shown(ax)).float() / 127.5 - 1) * scale
        assert torch.allclose(weights.permute(2, 0, 1), kernel, atol=float(scale) / 200)
        assert f"±{scale:#.2g}" in ax.get_title(loc="left")
    network[0].weight.data.zero_()
    assert {int(byte) for byte in shown(filters(network, figure=Figure()).axes[0]).flat} == {128}


def test_so_many_kernels_are_drawn(network: nn.Sequential) -> None:
    figure = filters(network, "0", n=3, figure=Figure())
    assert figure.get_suptitle() == "The first 3 of 4 kernels of layer 0, 3 by 3 by 3"
    assert len(figure.axes) == 3


@pytest.mark.parametrize(("name", "layer"), [("mlp", None), ("baseline", "3"), ("baseline", "1")])
def test_kernels_of_other_than_three_channels_are_refused(name: str, layer: str | None) -> None:
    with pytest.raises(ck.ModelContractError, match="a convolution with three input channels"):
        filters(ck.create_model(name), layer, figure=Figure())


def test_the_strongest_channels_come_first(network: nn.Sequential, image_set: ImageSet) -> None:
    picture = image_set[3][0]
    figure = activations(network, picture, "0", n=3, figure=Figure(figsize=(6, 3)))
    maps = ck.activations(network, image_set.images[3][None], "0")[0]
    order = maps.abs().mean((1, 2)).argsort(descending=True)[:3].tolist()
    _, first, *others = figure.axes
    assert np.array_equal(shown(first), image_set.images[3].permute(1, 2, 0))
    assert [ax.get_title(loc="left") for ax in others] == [f"channel {each}" for each in order]
    for ax, channel in zip(others, order, strict=True):
        redness = shown(ax)[..., 0].astype(int) - shown(ax)[..., 2]
        signs = np.sign(maps[channel].numpy())
        clear = np.abs(maps[channel].numpy()) > 0.05 * float(maps[order].abs().max())
        assert (np.sign(redness)[clear] == signs[clear]).all()


def test_one_picture_is_drawn_at_a_time(network: nn.Sequential, image_set: ImageSet) -> None:
    with pytest.raises(ck.DataError, match=r"image must be one picture, found 40; write data"):
        activations(network, image_set, "0", figure=Figure())
    with pytest.raises(ck.ModelContractError, match=r"the layer is 3 \(Linear\) batch 3"):
        activations(network, image_set[0][0], "3", figure=Figure())
