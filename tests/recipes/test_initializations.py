"""First weights from the training pictures."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import cifarkit as ck


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
    ("model", "said"),
    [
        (nn.Linear(3, 3), "has none"),
        (first_layer(26), "at most 24"),
        (first_layer(23), "even number"),
        (nn.Sequential(nn.Conv2d(1, 4, 3)), "3 channels in"),
        (nn.Sequential(nn.Conv2d(3, 4, 3, dilation=2)), "no dilation"),
    ],
    ids=["no convolution", "too many", "odd", "grey", "dilated"],
)
def test_a_network_it_does_not_fit_is_refused(model: nn.Module, said: str) -> None:
    with pytest.raises(ck.ModelContractError, match=said):
        ck.Whitening()(model, torch.zeros(2, 3, 32, 32, dtype=torch.uint8))


def test_grey_pictures_have_directions_of_nothing_and_still_give_numbers() -> None:
    pictures = torch.randint(256, (40, 1, 32, 32), generator=torch.Generator().manual_seed(0))
    grey = pictures.expand(-1, 3, -1, -1).to(torch.uint8)
    model = first_layer(24)
    ck.Whitening(eps=1e-8)(model, grey)
    assert model[0].weight.isfinite().all()


def test_only_as_many_pictures_are_looked_at_as_were_asked_for(tiny: ck.Splits) -> None:
    few, other, whole = first_layer(), first_layer(), first_layer()
    ck.Whitening(pictures=9)(few, tiny.train.images)
    ck.Whitening(pictures=9)(other, tiny.train.images[:9])
    ck.Whitening()(whole, tiny.train.images)
    assert torch.equal(few[0].weight, other[0].weight)
    assert not torch.equal(few[0].weight, whole[0].weight)


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
