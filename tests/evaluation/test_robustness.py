from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck


@pytest.fixture(scope="module")
def image_set() -> ck.ImageSet:
    return ck.load_synthetic(n_train=20, n_test=60, val_size=10).test


class Darkness(nn.Module):
    """Call dark pictures the first class and bright ones the second."""

    def forward(self, images: Tensor) -> Tensor:
        brightness = images.mean((1, 2, 3))
        rest = torch.full((len(images), 8), -9.0)
        return torch.cat([-brightness[:, None], brightness[:, None], rest], 1)


def test_accuracies_are_those_of_each_corrupted_set(image_set: ck.ImageSet) -> None:
    robustness = ck.evaluate_corrupted(Darkness(), image_set, ["brightness", "fog"])
    alone = [ck.evaluate(Darkness(), image_set).accuracy]
    alone += [
        ck.evaluate(Darkness(), ck.corrupt(image_set, "brightness", severity)).accuracy
        for severity in range(1, 6)
    ]
    assert robustness.accuracies("brightness").tolist() == alone
    assert len(set(alone)) > 1
    assert list(robustness.corrupted) == ["brightness", "fog"]


def test_the_mean_is_over_kinds_and_severities_but_not_the_clean_images(
    image_set: ck.ImageSet,
) -> None:
    robustness = ck.evaluate_corrupted(Darkness(), image_set, ["brightness", "contrast"])
    both = np.array([robustness.accuracies(name) for name in ("brightness", "contrast")])
    assert robustness.mean_accuracies == pytest.approx(both.mean(0))
    assert robustness.accuracy == pytest.approx(both[:, 1:].mean())
    assert robustness.accuracy != pytest.approx(both.mean(), abs=1e-6)


def test_all_kinds_are_evaluated_where_none_is_named(image_set: ck.ImageSet) -> None:
    robustness = ck.evaluate_corrupted(Darkness(), image_set.subset(range(4)))
    assert list(robustness.corrupted) == ck.list_corruptions()
    table = robustness.table()
    assert [row[0] for row in table.rows] == ck.list_corruptions()
    assert table.total[0] == "mean"
    assert "gaussian_noise" in robustness._repr_html_()


def test_a_single_name_is_a_list_of_one(image_set: ck.ImageSet) -> None:
    one = ck.evaluate_corrupted(Darkness(), image_set.subset(range(4)), "fog")
    assert list(one.corrupted) == ["fog"]
    assert not one.table().total


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["fogg"], "no corruption 'fogg': did you mean 'fog'"),
        ([], "there is no corruption to evaluate"),
    ],
)
def test_wrong_names_are_refused_before_anything_is_computed(
    names: Any, message: str, image_set: ck.ImageSet
) -> None:
    with pytest.raises(ck.DataError, match=message):
        ck.evaluate_corrupted("not a network", image_set, names)  # type: ignore[arg-type]


def test_a_kind_that_was_not_evaluated_is_named(image_set: ck.ImageSet) -> None:
    robustness = ck.evaluate_corrupted(Darkness(), image_set.subset(range(4)), ["fog"])
    with pytest.raises(ck.DataError, match="pixelate was not evaluated; there are fog"):
        robustness.accuracies("pixelate")
