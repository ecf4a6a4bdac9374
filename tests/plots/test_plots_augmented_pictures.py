from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import cifarkit as ck
from cifarkit.data.image_set import ImageSet, to_bytes
from cifarkit.plots import augmented

AUGMENT = (ck.AlternatingFlip(), ck.Crop(padding=4), ck.TrivialAugment(), ck.Noise(sd=4))


def pictures_of(figure: Figure) -> list[torch.Tensor]:
    arrays = [np.asarray(ax.images[0].get_array()) for ax in figure.axes]
    return [torch.from_numpy(array).permute(2, 0, 1) for array in arrays]


def seen_in_training(image_set: ImageSet, recipe: ck.Recipe, seed: int, epoch: int) -> torch.Tensor:
    """Return all pictures of an epoch as training sees them, in the order of the set."""
    numbered = ImageSet(
        image_set.images, torch.arange(len(image_set)), tuple(map(str, range(len(image_set))))
    )
    batches = list(
        ck.training_batches(
            numbered,
            recipe.batch_size,
            seed=seed,
            epoch=epoch,
            epochs=recipe.epochs,
            augment=recipe.augment,
        )
    )
    order = torch.cat([batch.targets for batch in batches])
    return to_bytes(torch.cat([batch.images for batch in batches]))[order.argsort()]


def test_a_row_is_a_picture_and_then_what_training_makes_of_it(image_set: ImageSet) -> None:
    recipe = ck.Recipe(epochs=4, batch_size=7, augment=AUGMENT)
    figure = augmented(recipe, image_set, n=3, epochs=2, seed=5, figure=Figure(figsize=(5, 4)))
    shown = pictures_of(figure)
    assert len(shown) == 9
    epochs = [seen_in_training(image_set, recipe, 5, epoch) for epoch in range(2)]
    other = seen_in_training(image_set, recipe, 6, 0)
    for first, *views in (shown[:3], shown[3:6], shown[6:]):
        (index,) = (i for i in range(40) if torch.equal(image_set.images[i], first))
        assert all(
            torch.equal(epoch[index], view) for epoch, view in zip(epochs, views, strict=True)
        )
        assert not torch.equal(other[index], views[0])  # of another seed


@dataclass(frozen=True)
class FirstHalfTwice(ck.Sampling):
    """Shows half of the pictures, each twice an epoch."""

    def __call__(self, labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return torch.arange(len(labels)) % (len(labels) // 2)


def test_a_place_is_empty_where_an_epoch_leaves_the_picture_out(image_set: ImageSet) -> None:
    recipe = ck.Recipe(epochs=1, batch_size=7, sampling=FirstHalfTwice())
    figure = augmented(recipe, image_set, n=12, figure=Figure(figsize=(5, 20)))
    shown = pictures_of(figure)
    words = [ax.get_title(loc="left") for ax in figure.axes[1::2]]
    assert set(words) == {"epoch 1", "not in epoch 1"}
    for first, view, said in zip(shown[::2], shown[1::2], words, strict=True):
        (index,) = (i for i in range(40) if torch.equal(image_set.images[i], first))
        assert said == ("epoch 1" if index < 20 else "not in epoch 1")
        assert torch.equal(view, first if index < 20 else torch.full_like(first, 255))


def test_words_say_class_epoch_and_size(image_set: ImageSet) -> None:
    recipe = ck.Recipe(epochs=2, augment=(ck.Crop(padding=0, size=20),))
    figure = augmented(recipe, image_set, n=1, figure=Figure(figsize=(5, 4)))
    first, *others = [ax.get_title(loc="left") for ax in figure.axes]
    assert first in image_set.classes
    assert [" ".join(words.split()) for words in others] == [
        "epoch 1, 20 by 20",
        "epoch 2, 20 by 20",
    ]
    assert " ".join(figure.get_suptitle().split()) == (
        "1 of 40 images, unchanged and as epochs 1 to 2 of 2 show them (seed 0) Crop"
    )


def test_a_recipe_without_augmentation_says_so(image_set: ImageSet) -> None:
    figure = augmented(ck.Recipe(epochs=1), image_set, n=2, figure=Figure(figsize=(5, 4)))
    left, right, *_ = pictures_of(figure)
    assert torch.equal(left, right)
    assert "no augmentation, so all are the same" in figure.get_suptitle().replace("\n", " ")


def test_anything_but_a_recipe_is_refused_with_what_to_write(image_set: ImageSet) -> None:
    with pytest.raises(ck.RecipeError, match=r"found Variant; write \.recipe after it"):
        augmented(ck.get_variant("augmented"), image_set, figure=Figure())  # type: ignore[arg-type]
    with pytest.raises(ck.RecipeError, match=r"found Flip; ck\.Recipe\(augment=…\) is one"):
        augmented(ck.Flip(), image_set, figure=Figure())  # type: ignore[arg-type]
    with pytest.raises(
        ck.DataError, match="epochs must be a whole number, 1 <= value <= 20; found 0"
    ):
        augmented(ck.Recipe(), image_set, epochs=0, figure=Figure())
