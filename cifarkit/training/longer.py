"""Allow more epochs for a run, if its first epochs would have been the same."""

from __future__ import annotations

from typing import Any

import torch

from cifarkit.data.batches import count_batches, training_batches
from cifarkit.data.image_set import ImageSet
from cifarkit.errors import CheckpointError
from cifarkit.recipes.recipe import Recipe
from cifarkit.runs.run import Run

__all__ = ["check_longer", "has_same_rates", "is_longer"]


def has_same_rates(recipe: Recipe, epochs: int, steps: int) -> bool:
    """Return whether all steps of a recipe have the same rates as in a longer training.

    Args:
        recipe: the recipe with fewer epochs.
        epochs: the epochs of the longer training.
        steps: the steps of an epoch.

    >>> from cifarkit.recipes.schedules import Cosine, Step
    >>> has_same_rates(Recipe(schedule=Step(every=3)), 30, steps=5)
    True
    >>> has_same_rates(Recipe(schedule=Cosine()), 30, steps=5)
    False
    """
    lr, rate = recipe.optimizer.lr, recipe.schedule.rate
    moments = (epoch + step / steps for epoch in range(recipe.epochs) for step in range(steps))
    return all(rate(moment, recipe.epochs, lr) == rate(moment, epochs, lr) for moment in moments)


def is_longer(run: Run, theirs: dict[str, Any]) -> bool:
    """Return whether a run has more epochs than the record of another."""
    return theirs["recipe"].get("epochs") in range(1, run.recipe.epochs)


def check_longer(run: Run, theirs: dict[str, Any], train: ImageSet, where: str) -> None:
    """Refuse more epochs if the first epochs would have been different, or training was stopped.

    Args:
        run: the run as it is asked for now.
        theirs: the record of the run with fewer epochs.
        train: its training images.
        where: its folder, for the message.

    Raises:
        CheckpointError: the run cannot have more epochs; the message says why.
    """
    facts, epochs = theirs["facts"], theirs["recipe"]["epochs"]
    why = _difference(run.recipe.replace(epochs=epochs), run.recipe.epochs, train, run.seed)
    if why is not None:
        raise CheckpointError(
            f"the run in {where!r} was trained for {epochs} epochs and cannot continue to "
            f"{run.recipe.epochs}, because {why}. Its first {epochs} would have been different; "
            f"train again for {run.recipe.epochs}, in another run_dir"
        )
    if facts["status"] == "stopped":
        raise CheckpointError(
            f"the run in {where!r} was stopped ({facts['stopped']}), so it gets no more epochs; "
            "train again, in another run_dir, without what stopped it"
        )


def _difference(recipe: Recipe, epochs: int, train: ImageSet, seed: int) -> str | None:
    """Name what a recipe would have done differently in a longer training, if anything."""
    if not has_same_rates(recipe, epochs, count_batches(len(train), recipe.batch_size)):
        return f"{recipe.schedule!r} spreads its rates over all epochs"
    for epoch in range(recipe.epochs):
        pictures = [
            next(
                training_batches(
                    train,
                    recipe.batch_size,
                    seed=seed,
                    epoch=epoch,
                    epochs=planned,
                    augment=recipe.augment,
                    sampling=recipe.sampling,
                )
            ).images
            for planned in (recipe.epochs, epochs)
        ]
        if not torch.equal(*pictures):
            return f"what {list(recipe.augment)!r} shows depends on how many epochs there are"
    return None
