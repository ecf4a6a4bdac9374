"""Go through the batches of an epoch, as a recipe says."""

from __future__ import annotations

from collections.abc import Iterator

from cifarkit.data.batches import Batch, training_batches
from cifarkit.data.image_set import ImageSet
from cifarkit.models.contract import layout_of
from cifarkit.runs.run import Run

__all__ = ["batches_of", "epoch_batches"]


def epoch_batches(run: Run, first_step: int = 0) -> Iterator[Batch]:
    """Go through the rest of a run's current epoch.

    Args:
        run: the run in training.
        first_step: the first step within the epoch, counted from 0.
    """
    return batches_of(run, run.state.splits.train, run.state.epoch, first_step)


def batches_of(run: Run, train: ImageSet, epoch: int, first_step: int = 0) -> Iterator[Batch]:
    """Go through an epoch of a run, augmented and mixed, in the memory layout of its network.

    Args:
        run: the run, with recipe, seed and network.
        train: the training images.
        epoch: counted from 0.
        first_step: the first step within the epoch, counted from 0.
    """
    return training_batches(
        train,
        run.recipe.batch_size,
        seed=run.seed,
        epoch=epoch,
        epochs=run.recipe.epochs,
        augment=run.recipe.augment,
        sampling=run.recipe.sampling,
        mix=run.recipe.mix,
        first_step=first_step,
        layout=layout_of(run.model),
    )
