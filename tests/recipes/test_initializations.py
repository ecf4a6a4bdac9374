"""First weights from the training pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm
from torch.nn.utils.parametrizations import weight_norm

import cifarkit as ck
from cifarkit.recipes import initializations


def first_layer(filters: int = 24, kernel: int = 2) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, filters, kernel), nn.Flatten())


def covariance_of_responses(model: nn.Sequential, images: Tensor) -> Tensor:
    """Return the second moments of what the first half of the filters answers."""
    answers = model[0](ck.to_floats(images))
    half = answers.shape[1] // 2
    rows = answers[:, :half].permute(0, 2, 3, 1).flatten(0, 2)
    return rows.T @ rows / len(rows)


def test_the_answers_are_uncorrelated_and_of_length_one(tiny: ck.Splits) -> None:
    model = first_layer()
    with torch.no_grad():
        before = covariance_of_responses(model, tiny.train.images)
        ck.Whitening(eps=1e-9)(model, tiny.train.images)
        after = covariance_of_responses(model, tiny.train.images)
    torch.testing.assert_close(after, torch.eye(12), rtol=0, atol=2e-3)
    assert not torch.allclose(before, torch.eye(12), atol=0.1)


def test_the_patches_are_those_that_a_slow_walk_over_the_pictures_finds() -> None:
    images = torch.randint(256, (3, 3, 5, 5)).to(torch.uint8)
    model = first_layer()
    ck.Whitening(eps=0.01)(model, images)
    floats = images / 127.5 - 1
    patches = torch.stack(
        [
            floats[number, :, row : row + 2, column : column + 2].flatten()
            for number in range(3)
            for row in range(4)
            for column in range(4)
        ]
    )
    second_moments = (patches.T @ patches / len(patches)).double()
    filters = model[0].weight[:12].flatten(1).double()
    inner = filters @ second_moments @ filters.T
    values = torch.linalg.eigvalsh(second_moments)
    torch.testing.assert_close(inner.diagonal(), values / (values + 0.01), rtol=1e-3, atol=1e-4)


def test_the_second_half_is_the_first_with_the_other_sign_and_nothing_is_trained(
    tiny: ck.Splits,
) -> None:
    model = first_layer()
    ck.Whitening()(model, tiny.train.images)
    weight, bias = model[0].weight, model[0].bias
    assert torch.equal(weight[:12], -weight[12:])
    assert bias is not None
    assert torch.equal(bias, torch.zeros(24))
    assert not weight.requires_grad
    assert not bias.requires_grad


def test_fewer_filters_get_the_directions_of_the_largest_eigenvalues(tiny: ck.Splits) -> None:
    whole, few = first_layer(24), first_layer(10)
    for model in (whole, few):
        ck.Whitening()(model, tiny.train.images)
    assert torch.equal(few[0].weight[:5], whole[0].weight[7:12])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Linear(3, 3), "reach none"),
        (first_layer(26), "at most 24"),
        (first_layer(23), "even number"),
        (nn.Sequential(nn.Conv2d(1, 4, 3)), "3 channels in"),
        (nn.Sequential(nn.Conv2d(3, 4, 3, dilation=2)), "no dilation"),
        (nn.Sequential(nn.Conv2d(3, 4, 40, padding=20)), "larger than the pictures, 32 by 32"),
        (nn.Sequential(weight_norm(nn.Conv2d(3, 24, 2))), "its weight is computed from others"),
        (nn.Sequential(spectral_norm(nn.Conv2d(3, 24, 2))), "its weight is computed from others"),
    ],
    ids=["none", "too many", "odd", "grey", "dilated", "large", "weight norm", "spectral norm"],
)
def test_a_network_it_does_not_fit_is_refused(model: nn.Module, message: str) -> None:
    with pytest.raises(ck.ModelContractError, match=message):
        ck.Whitening()(model, torch.zeros(2, 3, 32, 32, dtype=torch.uint8))


def test_grey_pictures_have_directions_of_nothing_and_still_give_numbers() -> None:
    pictures = torch.randint(256, (40, 1, 32, 32), generator=torch.Generator().manual_seed(0))
    grey = pictures.expand(-1, 3, -1, -1).to(torch.uint8)
    model = first_layer(24)
    ck.Whitening(eps=1e-8)(model, grey)
    assert model[0].weight.isfinite().all()


def test_only_as_many_pictures_are_looked_at_as_were_asked_for(tiny: ck.Splits) -> None:
    few, other, whole = first_layer(), first_layer(), first_layer()
    ck.Whitening(pictures=10)(few, tiny.train.images)
    ck.Whitening()(other, tiny.train.images[::20])
    ck.Whitening()(whole, tiny.train.images)
    assert torch.equal(few[0].weight, other[0].weight)
    assert not torch.equal(few[0].weight, whole[0].weight)


def test_pictures_that_lie_class_by_class_are_all_looked_at() -> None:
    black, noise = torch.zeros(900, 3, 16, 16), torch.randint(256, (100, 3, 16, 16))
    images = torch.cat([black, noise]).to(torch.uint8)
    spread, first = first_layer(), first_layer()
    ck.Whitening(pictures=200)(spread, images)
    ck.Whitening()(first, images[:200])
    with torch.no_grad():
        sizes = [covariance_of_responses(one, images).diagonal() for one in (spread, first)]
    torch.testing.assert_close(sizes[0], torch.ones(12), rtol=0, atol=0.3)
    assert sizes[1].max() > 10


def test_parts_add_up(tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initializations, "PART", 7)
    model = first_layer()
    ck.Whitening(eps=1e-9)(model, tiny.train.images)
    with torch.no_grad():
        found = covariance_of_responses(model, tiny.train.images)
    torch.testing.assert_close(found, torch.eye(12), rtol=0, atol=2e-3)


class Backwards(nn.Module):
    """A network whose layers are not used in the order that they are written in."""

    def __init__(self, before: nn.Module) -> None:
        super().__init__()
        self.last = nn.Conv2d(24, 4, 1)
        self.first = nn.Conv2d(3, 24, 2)
        self.before = before

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.first(self.before(images))).mean((2, 3))


@pytest.mark.parametrize(
    "before",
    [nn.Identity(), nn.AvgPool2d(2), nn.InstanceNorm2d(3), nn.BatchNorm2d(3), nn.Dropout(0.5)],
    ids=lambda layer: type(layer).__name__,
)
def test_what_counts_is_what_the_layer_is_given(before: nn.Module, tiny: ck.Splits) -> None:
    model = Backwards(before).train()
    state = {name: tensor.clone() for name, tensor in model.before.state_dict().items()}
    generator = torch.get_rng_state()
    ck.Whitening(eps=1e-9)(model, tiny.train.images)
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(tensor, state[name]) for name, tensor in before.state_dict().items())
    assert all(layer.training for layer in model.modules())
    assert model.last.weight.requires_grad
    with torch.no_grad():
        given = before.eval()(ck.to_floats(tiny.train.images))
        rows = model.first(given)[:, :12].permute(0, 2, 3, 1).flatten(0, 2)
    torch.testing.assert_close(rows.T @ rows / len(rows), torch.eye(12), rtol=0, atol=5e-3)


def test_networks_of_other_types_are_whitened(tiny: ck.Splits) -> None:
    model = first_layer().double()
    ck.Whitening(eps=1e-9)(model, tiny.train.images)
    assert model[0].weight.dtype == torch.float64
    with torch.no_grad():
        found = covariance_of_responses(model.float(), tiny.train.images)
    torch.testing.assert_close(found, torch.eye(12), rtol=0, atol=2e-3)


class Called(nn.Module):
    """A network that uses its convolution in a way of its own."""

    def __init__(self, how: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.how = nn.Conv2d(3, 24, 2), how

    def forward(self, images: Tensor) -> Tensor:
        return self.how(self.layer, images)


def test_it_may_be_called_by_name(tiny: ck.Splits) -> None:
    model = Called(lambda layer, images: layer(input=images))
    ck.Whitening()(model, tiny.train.images)
    assert not model.layer.weight.requires_grad


def test_ways_that_cannot_be_followed_are_refused(tiny: ck.Splits) -> None:
    one_by_one = Called(lambda layer, images: torch.stack([layer(image) for image in images]))
    with pytest.raises(ck.ModelContractError, match="its input is 3 32 32, not a batch n 3"):
        ck.Whitening()(one_by_one, tiny.train.images)
    by_hand = Called(lambda layer, images: F.conv2d(images, layer.weight))
    with pytest.raises(ck.ModelContractError, match="and in this network they reach none"):
        ck.Whitening()(by_hand, tiny.train.images)


@pytest.mark.parametrize(
    "images", [None, np.zeros((4, 3, 32, 32), np.uint8), torch.zeros(4, 3, 8, 8)]
)
def test_what_are_no_pictures_is_refused(images: Any) -> None:
    with pytest.raises(ck.DataError, match="as a tensor uint8 n 3 32 32, found "):
        ck.Whitening()(first_layer(), images)
    with pytest.raises(ck.DataError, match="as a tensor uint8 n 3 32 32, found "):
        ck.Whitening()(first_layer(), torch.zeros(0, 3, 32, 32, dtype=torch.uint8))


def test_training_sees_it_and_leaves_the_layer_alone(tiny: ck.Splits) -> None:
    run = ck.train("baseline", tiny, epochs=1, initialization=ck.Whitening())
    twin = ck.create_model("baseline")
    ck.Whitening()(twin, tiny.train.images)
    assert torch.equal(run.model[0].weight, twin[0].weight)
    assert run.facts["parameters"] == 2_122_186 - 896


def test_a_students_own_initialization_draws_from_the_seed_alone(tiny: ck.Splits) -> None:
    @dataclass(frozen=True)
    class Noise(ck.Initialization):
        def __call__(self, model: nn.Module, images: Tensor) -> None:
            for weight in model.parameters():
                nn.init.normal_(weight, std=0.01)

    def trained(noise: int) -> Tensor:
        torch.manual_seed(noise)
        model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
        recipe = ck.Recipe(epochs=1, initialization=Noise(), precision="float32")
        return ck.Trainer(recipe, seed=4).fit(model, tiny).model[1].weight

    assert torch.equal(trained(0), trained(1))


def test_the_first_loss_of_a_whitened_network_is_finite(tiny: ck.Splits) -> None:
    model = ck.create_model("speedrun", widths=(4, 4, 4))
    ck.Whitening()(model, tiny.train.images)
    logits = model(ck.to_floats(tiny.train.images[:8]))
    assert F.cross_entropy(logits, tiny.train.labels[:8]).isfinite()
