"""Pictures as the augmentations of a recipe show them, epoch after epoch."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from cifarkit.annotations import Range
from cifarkit.arguments import Seed, checked
from cifarkit.data.epoch_pictures import pictures_in_epoch
from cifarkit.data.image_set import ImageSet, check_image_set
from cifarkit.errors import RecipeError
from cifarkit.guidance import explains_arguments
from cifarkit.plots.answers import drawn, pictures_at
from cifarkit.plots.picture_grid import Section, Tile, draw_grid
from cifarkit.recipes.recipe import Recipe

__all__ = ["augmented"]

MOST_EPOCHS = 20  # in a row


@explains_arguments("ck.plots.augmented")
def augmented(
    recipe: Recipe,
    image_set: ImageSet,
    *,
    n: int = 5,
    epochs: int = 6,
    seed: int = 0,
    figure: Figure | None = None,
) -> Figure:
    """Draw pictures unchanged, and as training with a recipe shows them.

    A row is one picture: first unchanged, then as it is seen in the first epochs. With the training
    set and the seed of a run, these are exactly the pictures that its network saw, before the
    recipe's `mix`. A place stays empty if the recipe's `sampling` leaves the picture out.

    Args:
        recipe: the recipe with the augmentations to show, such as
            `ck.get_variant("augmented").recipe`.
        image_set: the pictures, such as `data.train`.
        n: how many pictures, drawn at random; all if there are fewer.
        epochs: how many epochs to show; all if the recipe has fewer.
        seed: the seed of the run, and of the choice of pictures.
        figure: as for `samples`.

    Returns:
        The figure.

    Raises:
        RecipeError: it is not a recipe.
        DataError: the set is empty, or `n`, `epochs` or `seed` is not a whole number that fits.

    >>> import torch
    >>> from cifarkit.data.augmentations import Crop, Flip
    >>> pictures = ImageSet(torch.zeros(40, 3, 32, 32, dtype=torch.uint8),
    ...                     torch.arange(40) % 2, ("cat", "dog"))
    >>> recipe = Recipe(epochs=3, augment=(Flip(), Crop(padding=4)))
    >>> figure = augmented(recipe, pictures, n=2, figure=Figure(figsize=(5, 3)))
    >>> [ax.get_title(loc="left") for ax in figure.axes[:4]]
    ['cat', 'epoch 1', 'epoch 2', 'epoch 3']
    """
    _check_recipe(recipe)
    check_image_set(image_set)
    checked("seed", seed, Seed)
    epochs = min(checked("epochs", epochs, Annotated[int, Range(1, MOST_EPOCHS)]), recipe.epochs)
    indices = drawn(np.arange(len(image_set)), n, seed)
    labels = image_set.labels[indices].tolist()
    seen = [
        pictures_in_epoch(
            image_set,
            indices.tolist(),
            recipe.batch_size,
            seed=seed,
            epoch=epoch,
            epochs=recipe.epochs,
            augment=recipe.augment,
            sampling=recipe.sampling,
        )
        for epoch in range(epochs)
    ]
    rows = []
    for number, (picture, label) in enumerate(
        zip(pictures_at(image_set, indices), labels, strict=True)
    ):
        tiles = [_tile(views[number], epoch) for epoch, views in enumerate(seen, start=1)]
        rows.append(Section("", [Tile(picture, image_set.classes[label]), *tiles]))
    title = _title(recipe, len(rows), len(image_set), epochs, seed)
    return draw_grid(title, rows, columns=1 + epochs, figure=figure)


def _check_recipe(recipe: Any) -> None:
    if not isinstance(recipe, Recipe):
        way = (
            "write .recipe after it" if hasattr(recipe, "recipe") else "ck.Recipe(augment=…) is one"
        )
        raise RecipeError(
            f"augmented shows the augmentations of a recipe, found {type(recipe).__name__}; {way}"
        )


def _tile(view: Tensor | None, epoch: int) -> Tile:
    if view is None:
        return Tile(np.full((32, 32, 3), 255, np.uint8), f"not in epoch {epoch}")
    side = view.shape[-1]
    words = f"epoch {epoch}" + (f", {side} by {side}" if side < 32 else "")
    return Tile(view.permute(1, 2, 0).numpy(), words)


def _title(recipe: Recipe, n: int, total: int, epochs: int, seed: int) -> str:
    which = f"{n} of {total:,} images" if n < total else f"{n:,} images"
    when = "epoch 1" if epochs == 1 else f"epochs 1 to {epochs}"
    names = ", ".join(type(augmentation).__name__ for augmentation in recipe.augment)
    show = "shows" if epochs == 1 else "show"
    how = names or "no augmentation, so all are the same"
    how += f"; {type(recipe.mix).__name__} follows, and is not drawn" if recipe.mix else ""
    return f"{which}, unchanged and as {when} of {recipe.epochs} {show} them (seed {seed})\n{how}"
