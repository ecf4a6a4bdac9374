"""Single pictures as an epoch of training shows them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from cifarkit.data.augmentations import Augmentation
from cifarkit.data.batches import batch_indices, training_batches
from cifarkit.data.image_set import ImageSet, to_bytes
from cifarkit.data.sampling import Sampling

__all__ = ["pictures_in_epoch"]


def pictures_in_epoch(
    train: ImageSet,
    indices: Sequence[int],
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    epochs: int,
    augment: Sequence[Augmentation],
    sampling: Sampling,
) -> list[Tensor | None]:
    """Return some pictures with exactly the augmentation that they get in an epoch.

    Each is augmented in its own batch, whose step keys the randomness; other batches are left out.
    What mixes whole batches is not applied.

    Args:
        train: the training images.
        indices: the indices of the pictures.
        batch_size: images a batch.
        seed: the seed of the run.
        epoch: counted from 0.
        epochs: how many epochs the training has in all.
        augment: the augmentations, in this order.
        sampling: which pictures come, and in which order.

    Returns:
        uint8 `3 side side` for each index, on the CPU, the first where it comes several times; None
        where it does not come.
    """
    seen: dict[int, Tensor] = {}
    batches = batch_indices(train.labels, batch_size, seed=seed, epoch=epoch, sampling=sampling)
    for step, members in enumerate(batches):
        wanted = set(indices) - seen.keys()
        positions = {index: at for at, index in enumerate(members.tolist()) if index in wanted}
        if positions:
            rest = training_batches(
                train,
                batch_size,
                seed=seed,
                epoch=epoch,
                epochs=epochs,
                augment=augment,
                sampling=sampling,
                first_step=step,
            )
            images = to_bytes(next(rest).images).cpu()
            seen |= {index: images[at] for index, at in positions.items()}
    return [seen.get(index) for index in indices]
